//! The XML of answers, read leniently: stores leave out, add and prefix elements, and an answer that was cut off still contains
//! something. All reading is in memory, from an answer that [`super::answer`] bounds.

use std::iter::from_fn;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

/// True when there is an element of this name.
pub(super) fn has(xml: &str, name: &str) -> bool {
    let mut reader = reader(xml);
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag) | Event::Empty(tag)) if is(&tag, name) => return true,
            Ok(Event::Eof) | Err(_) => return false,
            Ok(_) => {}
        }
    }
}

/// The content of each element of this name, with its markup.
pub(super) fn each<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let mut reader = reader(xml);
    from_fn(move || {
        loop {
            match reader.read_event().ok()? {
                Event::Start(tag) if is(&tag, name) => {
                    let inside = reader.read_to_end(tag.name()).ok()?;
                    let (start, end) = (usize::try_from(inside.start), usize::try_from(inside.end));
                    return xml.get(start.ok()?..end.ok()?);
                }
                Event::Eof => return None,
                _ => {}
            }
        }
    })
}

/// The text of the first element of this name.
pub(super) fn text(xml: &str, name: &str) -> Option<String> {
    each(xml, name).next().map(plain)
}

fn reader(xml: &str) -> Reader<&[u8]> {
    let mut reader = Reader::from_str(xml);
    // Pages for people are no XML, and some stores do not escape the text that they repeat.
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    reader
}

fn is(tag: &BytesStart, name: &str) -> bool {
    tag.local_name().as_ref() == name.as_bytes()
}

/// The text of an element with its character references replaced. A reference that is unknown stays as it is.
fn plain(xml: &str) -> String {
    let mut out = String::with_capacity(xml.len());
    let mut reader = reader(xml);
    loop {
        match reader.read_event() {
            Ok(Event::Text(text)) => out.push_str(&String::from_utf8_lossy(&text)),
            Ok(Event::CData(text)) => out.push_str(&String::from_utf8_lossy(&text)),
            Ok(Event::GeneralRef(name)) => {
                let character = name.resolve_char_ref().ok().flatten();
                let name = String::from_utf8_lossy(&name);
                match (character, resolve_predefined_entity(&name)) {
                    (Some(character), _) => out.push(character),
                    (None, Some(text)) => out.push_str(text),
                    (None, None) => out.extend(["&", &name, ";"]),
                }
            }
            Ok(Event::Eof) | Err(_) => return out,
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_read_however_a_store_writes_it() {
        for xml in [
            "<Error><Code>SlowDown</Code><Message>a &amp; b</Message></Error>",
            "<?xml version=\"1.0\"?>\r\n<!-- x --><s3:Error xmlns:s3=\"u\">\n <s3:Code >SlowDown</s3:Code> <s3:Message>a &#38; b</s3:Message>",
            "<Error><Code lang='en'>SlowDown</Code><Message><![CDATA[a & b]]></Message><Mess",
            "<html><br><Code>SlowDown</Code></p><Message>a &#x26; b</Message></html>",
        ] {
            assert_eq!(text(xml, "Code").as_deref(), Some("SlowDown"), "{xml}");
            assert_eq!(text(xml, "Message").as_deref(), Some("a & b"), "{xml}");
        }
    }

    #[test]
    fn what_is_not_whole_is_nothing() {
        for xml in [
            "",
            "<Code>",
            "<Code>x",
            "<Codes>x</Codes>",
            "<!-- <Code>x</Code>",
            "<Code/>",
            "Code",
        ] {
            assert_eq!(text(xml, "Code"), None, "{xml}");
        }
        assert_eq!(
            text("<a>&unknown; &#0; &</a>", "a").as_deref(),
            Some("&unknown; &#0; &")
        );
        assert!(has("<s:Error xmlns:s='u'/>", "Error") && has("<Error><Co", "Error"));
        assert!(!has("<Errors/>", "Error") && !has("<!-- <Error> -->", "Error"));
    }

    #[test]
    fn elements_of_a_list_come_one_by_one() {
        let list = "<List><Part><N>1</N></Part>\n<Part/><x:Part a=\"b\"><N>2</N><Part>3</Part></x:Part><Part><N>4</N>";
        let inside: Vec<&str> = each(list, "Part").collect();
        assert_eq!(inside, ["<N>1</N>", "<N>2</N><Part>3</Part>"]);
    }
}
