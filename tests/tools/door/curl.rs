//! curl: parts of a file in every form that it knows, and a download that is continued.

use super::programme::{OpenDoor, Programme};
use crate::programs::CURL;

#[test]
fn curl_reads_parts_in_all_forms_and_continues_a_download() {
    let door = OpenDoor::start();
    let home = door.home.path();
    let file = home.join("before.flv");
    Programme::draw(home).before.write(&file);
    door.publish(&file, "live/cam1");
    door.finish();
    let id = door.recording("closed").id;
    let url = door.url(&format!("/r/{id}.mp4"));
    let whole = CURL.run(["-fsS", &url]).ok().stdout;
    let length = whole.len();
    assert!(length > 10_000, "{length} bytes");
    let outside = format!("{length}-");
    let long = format!("5-{}", length * 2);
    for (form, status, wanted) in [
        ("0-1", "206", &whole[..2]),
        ("0-0", "206", &whole[..1]),
        ("0-", "206", &whole[..]),
        ("1000-1999", "206", &whole[1000..2000]),
        ("5000-", "206", &whole[5000..]),
        (&long, "206", &whole[5..]),
        ("-500", "206", &whole[length - 500..]),
        ("-99999999999", "206", &whole[..]),
        // More than one part may be answered with the whole (RFC 9110, section 14.2).
        ("0-1,5-6", "200", &whole[..]),
        ("5-1", "200", &whole[..]),
        (&outside, "416", &[]),
        ("-0", "416", &[]),
        ("18446744073709551615-", "416", &[]),
    ] {
        let out = home.join("part");
        let _ = std::fs::remove_file(&out);
        let to = out.to_str().unwrap();
        let done = CURL
            .run(["-sS", "-r", form, "-w", "%{http_code}", "-o", to, &url])
            .ok();
        assert_eq!(String::from_utf8_lossy(&done.stdout), status, "-r {form}");
        if status != "416" {
            assert!(std::fs::read(&out).unwrap() == wanted, "-r {form}");
        }
    }
    let begun = home.join("begun.mp4");
    std::fs::write(&begun, &whole[..7_777]).unwrap();
    CURL.run(["-fsS", "-C", "-", "-o", begun.to_str().unwrap(), &url])
        .ok();
    assert!(std::fs::read(&begun).unwrap() == whole, "-C -");
}
