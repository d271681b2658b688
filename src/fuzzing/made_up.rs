//! Made-up input for tests of what must always hold. The same in each run, so that a failure comes again: the seed is the
//! number of the try.

/// Numbers as if by chance (splitmix64).
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to one less than the limit.
    pub fn below(&mut self, limit: u32) -> i64 {
        let limit = u64::from(limit);
        i64::try_from(self.next() % limit).expect("it is small")
    }

    pub fn one_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    pub fn of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        let count = u32::try_from(all.len()).expect("a short list");
        all[usize::try_from(self.below(count)).expect("it is small")]
    }
}

mod tests {
    use super::Chance;
    use crate::state::record::Record;

    /// What a configuration is made of, odd forms too: heads within strings and lists, blanks, quotes, dots, comments.
    const LINES: &[&str] = &[
        "[profile.p]",
        "[profile.\"p\"]",
        "[profile.'p']",
        "[ profile . p ]",
        " [profile.p]",
        "[profile.p] # [profile.q]",
        "[profile.q]",
        "[profile.pq]",
        "[profile.\"p.q\"]",
        "[profile.p.params]",
        "[profile.p.headers]",
        "[profile.q.params]",
        "[profile]",
        "[defaults]",
        "[profiles.p]",
        "[[profile.p]]",
        "client_id = \"c\"",
        "issuer = \"https://a.example\"",
        "scope = [\"a\", \"b\"]",
        "scope = [",
        "[\"a\"],",
        "]",
        "timeout = \"9s\"",
        "x = 1",
        "audience = \"\"\"",
        "audience = '''",
        "\"\"\"",
        "'''",
        "# a comment with [profile.q] in it",
        "",
        "p.client_id = \"d\"",
        "profile.p.audience = \"e\"",
        "grant = \"client_credentials\"",
    ];

    #[test]
    fn the_quick_reading_of_a_profile_and_the_whole_one_agree() {
        let mut loaded = 0;
        for seed in 0..1500 {
            let mut chance = Chance::new(seed);
            let mut text = String::new();
            // Most are a profile, so that much of what is made up can be read.
            if !chance.one_in(4) {
                text += "[profile.p]\nclient_id = \"c\"\nissuer = \"https://a.example\"\n";
            }
            for _ in 0..chance.below(9) {
                text += chance.of(LINES);
                text += chance.of(&["\n", "\n", "\n", "\r\n", "\n\n", " \n"]);
            }
            if chance.one_in(5) {
                text.pop();
            }
            let config = crate::profile::config::Config::from_text(&text);
            loaded += u32::from(crate::profile::Profile::load(&config, "p").is_ok());
            super::super::configuration(text.as_bytes());
        }
        assert!(loaded > 150, "only {loaded} could be read at all");
    }

    #[test]
    fn the_newest_of_several_records_is_taken_and_none_that_is_damaged() {
        for seed in 0..500 {
            let mut chance = Chance::new(seed);
            let mut lines: Vec<Vec<u8>> = Vec::new();
            let mut newest = None;
            for _ in 0..=chance.below(6) {
                let mut record = Record::new("b".into(), crate::secret::Secret::new("k".into()));
                record.generation = match chance.below(4) {
                    0 => u64::MAX,
                    1 => 0,
                    _ => chance.below(1000).unsigned_abs(),
                };
                let mut line = record.to_line().to_vec();
                if chance.one_in(3) {
                    let keep = chance.below(u32::try_from(line.len()).expect("a short line"));
                    line.truncate(usize::try_from(keep).expect("it is small"));
                } else {
                    newest = newest.max(Some(record.generation));
                }
                lines.push(line);
            }
            let found = lines.iter().max_by_key(|line| Record::rank(line));
            let found = found.and_then(|line| Record::from_line(line));
            assert_eq!(found.map(|record| record.generation), newest);
        }
    }
}
