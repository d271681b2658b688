//! The manual's pages, compressed, as the build has found them in `man/`.

use flate2::read::DeflateDecoder;
use std::io::Read;

/// What stands before each page's name. No page has it.
const MARK: char = '\u{1}';

/// Every page: its file's name (`tokctl-get.1`) and its source.
pub fn all() -> Vec<(String, String)> {
    let mut text = String::new();
    let compressed: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/pages.deflate"));
    DeflateDecoder::new(compressed)
        .read_to_string(&mut text)
        .expect("the build has compressed text");
    let pages = text.split(MARK).filter_map(|page| page.split_once('\n'));
    pages
        .map(|(name, source)| (name.to_owned(), source.to_owned()))
        .collect()
}

/// The page of a command or a topic ("get", "helper install", "config"), or of the program itself.
pub fn find(topic: &str) -> Option<(String, String)> {
    let topic = topic.trim_start_matches("tokctl").replace(' ', "-");
    let topic = topic.trim_matches('-');
    let wanted = match topic {
        "" => "tokctl".to_owned(),
        topic => format!("tokctl-{topic}"),
    };
    // With its section where there are two, as config.5.
    let is_it = |name: &str| {
        name == wanted
            || name
                .rsplit_once('.')
                .is_some_and(|(stem, _)| stem == wanted)
    };
    all().into_iter().find(|(name, _)| is_it(name))
}

/// What the pages are about, to choose from.
pub fn topics() -> Vec<String> {
    let topic = |(name, _): (String, String)| {
        let stem = name.rsplit_once('.')?.0.strip_prefix("tokctl-")?;
        Some(stem.to_owned())
    };
    all().into_iter().filter_map(topic).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_page_is_there_as_it_is_in_the_tree() {
        let tree = concat!(env!("CARGO_MANIFEST_DIR"), "/man");
        let files = std::fs::read_dir(tree).expect("the pages").count();
        let all = super::all();
        assert_eq!(all.len(), files);
        for (name, source) in all {
            let file = std::fs::read_to_string(format!("{tree}/{name}"));
            assert_eq!(file.expect("a page"), source, "{name}");
        }
        assert!(super::find("config.5").is_some_and(|(name, _)| name.ends_with(".5")));
        assert!(super::find("helper install").is_some() && super::find("").is_some());
        assert!(super::find("nothing").is_none());
    }
}
