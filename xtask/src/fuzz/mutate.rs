//! How inputs come about: bytes and lines of seeds exchanged, repeated, nested, spliced. The same number
//! gives the same inputs. It must never make one longer than [`LONGEST`].

/// The longest input, in bytes: enough for any nesting that could overflow a stack.
const LONGEST: usize = 1 << 16;
/// Changes to one input, at most.
const CHANGES: usize = 6;
/// Pieces that the languages are made of.
const PIECES: [&str; 52] = [
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    "'",
    "\"",
    "\\",
    ":",
    ": ",
    "- ",
    ",",
    "|",
    "&",
    "*",
    "!",
    "~",
    "\t",
    "\r",
    "\0",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "é",
    "---\n",
    "...\n",
    "<<: *a\n",
    "&a ",
    "*a",
    "!vault ",
    "!unsafe ",
    ">-\n ",
    "| join",
    ".x",
    "99999999999999999999",
    "-1",
    "0x",
    "1e999",
    "[0:999999999]",
    "[a:z]",
    " if ",
    " is ",
    "not ",
    "range(9999999)",
    "import_tasks: site.yml\n",
];
/// Openings with their closings, which are nested.
const NESTS: [(&str, &str); 12] = [
    ("[", "]"),
    ("(", ")"),
    ("{", "}"),
    ("{{", "}}"),
    ("{a: ", "}"),
    ("- ", ""),
    ("not ", ""),
    ("{% if a %}", "{% endif %}"),
    ("-", ""),
    ("a.", ""),
    ("(?:", ")*"),
    ("a if a else ", ""),
];

/// Makes inputs.
pub(super) struct Mutator(u64);

impl Mutator {
    /// From a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number (splitmix64: Steele, Lea, Flood 2014).
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below another; 0 below 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % end).unwrap_or(0)
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// An input made of seeds.
    pub(super) fn input(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut input = self.one(seeds).clone();
        for _ in 0..=self.below(CHANGES) {
            input = self.change(input, seeds);
            input.truncate(LONGEST);
        }
        input
    }

    fn change(&mut self, mut input: Vec<u8>, seeds: &[Vec<u8>]) -> Vec<u8> {
        let (from, to) = self.stretch(&input);
        let part = input[from..to].to_vec();
        match self.below(9) {
            0 => drop(input.drain(from..to)),
            1 => insert(&mut input, to, &part),
            2 => {
                let piece = *self.one(&PIECES);
                insert(&mut input, from, piece.as_bytes());
            }
            3 => {
                let piece = *self.one(&PIECES);
                input.splice(from..to, piece.bytes());
            }
            4 => {
                let (open, close) = *self.one(&NESTS);
                let depth = 1 << self.below(15);
                let (open, close) = (open.repeat(depth), close.repeat(depth));
                input.splice(from..to, [open.as_bytes(), &part, close.as_bytes()].concat());
            }
            5 => {
                let times = 1 << self.below(12);
                let many = part.repeat(times.min(LONGEST / part.len().max(1)));
                input.splice(from..to, many);
            }
            6 => {
                let other = self.one(seeds).clone();
                let (start, end) = self.stretch(&other);
                input.splice(from..to, other[start..end].iter().copied());
            }
            7 if from < input.len() => {
                let bit = self.below(8);
                input[from] ^= 1 << bit;
            }
            _ => {
                let spaces = " ".repeat(self.below(5));
                insert(&mut input, line_start(&part, from), spaces.as_bytes());
            }
        }
        input
    }

    /// A stretch of an input: of a few bytes, or of whole lines.
    fn stretch(&mut self, input: &[u8]) -> (usize, usize) {
        let from = self.below(input.len() + 1);
        if self.below(2) == 0 {
            let length = self.below(24);
            return (from, (from + length).min(input.len()));
        }
        let start = input[..from].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines = 1 + self.below(4);
        let mut ends = (start..input.len()).filter(|at| input[*at] == b'\n');
        (start, ends.nth(lines - 1).map_or(input.len(), |at| at + 1))
    }
}

fn insert(input: &mut Vec<u8>, at: usize, part: &[u8]) {
    input.splice(at..at, part.iter().copied());
}

/// Where a stretch that begins at `from` has its second line, or its beginning.
fn line_start(part: &[u8], from: usize) -> usize {
    from + part.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_inputs_and_another_one_others() {
        let seeds = vec![b"a: [1, 2]\nb: c\n".to_vec(), b"- hosts: all\n".to_vec()];
        let make = |seed| {
            let mut mutator = Mutator::new(seed);
            (0..200).map(|_| mutator.input(&seeds)).collect::<Vec<_>>()
        };
        assert_eq!(make(7), make(7));
        assert_ne!(make(7), make(8));
        assert!(make(7).iter().all(|input| input.len() <= LONGEST));
        assert!(make(7).iter().any(|input| input.len() > 1000));
    }

    #[test]
    fn an_empty_seed_can_be_mutated() {
        let mut mutator = Mutator::new(1);
        for _ in 0..1000 {
            mutator.input(&[vec![]]);
        }
    }
}
