//! Each room of `src` uses only the rooms that docs/architecture.md allows. The picture there shows every room, and log filters
//! know the names of all rooms.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

type Knows = BTreeMap<String, BTreeSet<String>>;

#[test]
fn every_room_knows_those_alone_that_the_architecture_lets_it_know() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let allowed = table(&std::fs::read_to_string(root.join("docs/architecture.md")).unwrap());
    let rooms = rooms(&root.join("src"));
    let there: BTreeSet<&String> = rooms.keys().collect();
    assert_eq!(
        there,
        allowed.keys().collect(),
        "rooms of src, and rows of the table"
    );
    let mut wrong = Vec::new();
    for (room, files) in &rooms {
        for file in files {
            let text = std::fs::read_to_string(file).unwrap();
            for other in used(&text, &rooms) {
                if other != *room && !allowed[room].contains(&other) {
                    wrong.push(format!("{} uses {other}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_picture_has_every_room_below_those_that_know_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let picture = std::fs::read_to_string(root.join("docs/pictures/rooms.svg")).unwrap();
    let drawn = drawn(&picture);
    // Each room of the picture has a folder. Parts of another room are not in the picture.
    let is_drawn =
        |room: &str| root.join("src").join(room.replace("::", "/")).is_dir() && room != "model::reply";
    let rooms = rooms(&root.join("src"));
    let there: BTreeSet<&str> = rooms
        .keys()
        .map(String::as_str)
        .filter(|room| is_drawn(room))
        .collect();
    assert_eq!(drawn.keys().copied().collect::<BTreeSet<_>>(), there);
    let desc = picture
        .split("</desc>")
        .next()
        .and_then(|text| text.split("<desc").nth(1));
    let told: BTreeSet<&str> = desc
        .expect("a description")
        .split(|c: char| !c.is_alphanumeric())
        .collect();
    for room in &there {
        let name = room.rsplit("::").next().unwrap();
        assert!(told.contains(name), "{room} is in the description of the picture");
    }
    for (room, known) in table(&std::fs::read_to_string(root.join("docs/architecture.md")).unwrap()) {
        let Some(height) = drawn.get(room.as_str()) else {
            continue;
        };
        for other in known
            .iter()
            .filter_map(|other| drawn.get_key_value(other.as_str()))
        {
            assert!(height <= other.1, "{room} knows {}, which is above it", other.0);
        }
    }
}

#[test]
fn filters_of_the_log_know_every_room_and_every_door() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let filter = std::fs::read_to_string(root.join("src/daemon/filter.rs")).unwrap();
    let rooms = rooms(&root.join("src"));
    let names = |of: &str| -> BTreeSet<String> {
        let list = filter.split(&format!("const {of}: [")).nth(1);
        let list = list.and_then(|rest| rest.split(';').nth(1)?.split("= [").nth(1));
        let words = list.expect("the list").split('"').skip(1).step_by(2);
        words.map(str::to_owned).collect()
    };
    let first = rooms
        .keys()
        .map(|room| room.split("::").next().unwrap().to_owned());
    assert_eq!(names("ROOMS"), first.collect());
    let doors = rooms.keys().filter_map(|room| room.strip_prefix("doors::"));
    assert_eq!(names("DOORS"), doors.map(str::to_owned).collect());
}

/// Each room of the picture, and its level from the top.
fn drawn(picture: &str) -> BTreeMap<&str, u32> {
    let lines = picture.lines().filter_map(|line| {
        let rest = line.trim().strip_prefix("<text class=\"name\"")?;
        let height = rest.split(" y=\"").nth(1)?.split('"').next()?.parse().ok()?;
        let name = rest.split('>').nth(1)?.split('<').next()?;
        Some((name, height))
    });
    lines.collect()
}

#[test]
fn what_a_file_uses_is_read_without_its_tests_and_comments() {
    let rooms: BTreeMap<String, Vec<PathBuf>> = ["api", "delivery", "doors::rtmp", "media", "store"]
        .into_iter()
        .map(|room| (room.to_owned(), Vec::new()))
        .collect();
    let text = "use crate::media::Micros; // crate::api\nuse crate::doors::rtmp::Server;\nuse crate::{store::Store, watch};\n#[cfg(test)]\nmod tests {\n use crate::delivery;\n}";
    let expected = ["doors::rtmp", "media", "store"].map(str::to_owned);
    assert_eq!(used(text, &rooms), BTreeSet::from(expected));
}

/// Each room, and the rooms that it may use by the table.
fn table(text: &str) -> Knows {
    let rows = text
        .lines()
        .skip_while(|line| *line != "| room | knows |")
        .skip(2);
    let rows = rows.map_while(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let mut knows = Knows::new();
    for row in rows {
        let (of, known) = row.split_once(" | ").expect("two columns");
        for room in quoted(of) {
            knows.insert(room, quoted(known));
        }
    }
    knows
}

/// The words between backticks.
fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Each room and its files, without those of tests.
fn rooms(src: &Path) -> BTreeMap<String, Vec<PathBuf>> {
    let mut rooms = BTreeMap::new();
    for entry in std::fs::read_dir(src).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if ["main", "lib"].contains(&name.as_str()) {
            continue;
        }
        let mut files = files_of(&path);
        for inner in inner_rooms(&path) {
            files.retain(|file| !file.starts_with(&inner));
            let inner_name = inner.file_name().unwrap().to_str().unwrap();
            rooms.insert(format!("{name}::{inner_name}"), files_of(&inner));
        }
        if name != "doors" {
            rooms.insert(name, files);
        }
    }
    rooms
}

/// Folders in a room that are rooms themselves: each door, and the folders for which one row holds.
fn inner_rooms(room: &Path) -> Vec<PathBuf> {
    match room.file_name().unwrap().to_str().unwrap() {
        "doors" => {
            let doors = std::fs::read_dir(room).unwrap().map(|door| door.unwrap().path());
            doors.filter(|path| path.is_dir()).collect()
        }
        "model" => vec![room.join("reply")],
        _ => Vec::new(),
    }
}

fn files_of(path: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    collect(path, &mut files);
    files
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    // Tests may use every room, and so may the documents that tests generate.
    const TESTS: [&str; 4] = ["tests", "testing", "samples", "asyncapi"];
    let name = path.file_stem().and_then(|name| name.to_str());
    if name.is_some_and(|name| TESTS.contains(&name)) {
        return;
    }
    if !path.is_dir() {
        files.push(path.to_owned());
        return;
    }
    for entry in std::fs::read_dir(path).unwrap() {
        collect(&entry.unwrap().path(), files);
    }
}

/// The rooms that a file names behind `crate::`.
fn used(text: &str, rooms: &BTreeMap<String, Vec<PathBuf>>) -> BTreeSet<String> {
    let lines: Vec<&str> = text.lines().collect();
    let is_tests =
        |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{');
    let end = lines.windows(2).position(is_tests).unwrap_or(lines.len());
    let bare = lines[..end]
        .iter()
        .map(|line| line.split("//").next().unwrap_or_default());
    let code = bare.collect::<Vec<_>>().join("\n");
    let mut used = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let names: Vec<&str> = match rest.strip_prefix('{') {
            Some(several) => several
                .split('}')
                .next()
                .unwrap_or_default()
                .split([',', ' ', '\n'])
                .collect(),
            None => vec![rest],
        };
        for name in names {
            let mut words = name.split(|c: char| !c.is_alphanumeric() && !"_:".contains(c));
            let mut path = words.next().unwrap_or_default().split("::");
            let (room, inner) = (path.next().unwrap_or_default(), path.next().unwrap_or_default());
            let inner = format!("{room}::{inner}");
            let room = if rooms.contains_key(&inner) {
                inner
            } else {
                room.to_owned()
            };
            used.extend(Some(room).filter(|room| rooms.contains_key(room)));
        }
    }
    used
}
