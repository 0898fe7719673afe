//! What is known about one host at one moment: facts by the questions that they answer. It never guesses.
use super::{Bytes, Fact, Home, Mailcow, Probe, Stat};
use std::collections::BTreeMap;

/// What is known about one host at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed(BTreeMap<Probe, Fact>);

/// A fact that nobody asked for yet; the runner fetches it and plans again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not asked yet: {0:?}")]
pub struct Unasked(pub Probe);

impl Observed {
    /// The fact for `probe`.
    ///
    /// # Errors
    /// [`Unasked`] when nobody asked; never a guess.
    pub fn get(&self, probe: &Probe) -> Result<&Fact, Unasked> {
        self.0.get(probe).ok_or_else(|| Unasked(probe.clone()))
    }
    /// Whether the answer is known.
    pub fn knows(&self, probe: &Probe) -> bool {
        self.0.contains_key(probe)
    }
    /// Records an answer, and what came along with it.
    pub fn set(&mut self, probe: Probe, fact: Fact) {
        if let (Probe::Home { user, .. }, Fact::Home(home)) = (&probe, &fact) {
            for (probe, fact) in home.iter().flat_map(|home| &home.inside) {
                // What is known already may be what an earlier task would have made of it.
                self.0.entry(probe.clone()).or_insert_with(|| fact.clone());
            }
            let bare = home.clone().map(|home| Home { inside: vec![], ..home });
            self.0.insert(Probe::home(user), Fact::Home(bare));
        }
        self.0.insert(probe, fact);
    }
    /// Forgets what `stale` says may have changed.
    pub fn forget(&mut self, stale: impl Fn(&Probe) -> bool) {
        self.0.retain(|probe, _| !stale(probe));
    }
    /// All that is known.
    pub fn iter(&self) -> impl Iterator<Item = (&Probe, &Fact)> {
        self.0.iter()
    }
    /// The stat of a path.
    ///
    /// # Errors
    /// [`Unasked`].
    pub fn stat(&self, path: &str, follow: bool) -> Result<Option<&Stat>, Unasked> {
        let probe = Probe::Path { path: path.to_owned(), follow };
        match self.get(&probe)? {
            Fact::Path(stat) => Ok(stat.as_ref()),
            _ => Err(Unasked(probe)),
        }
    }
    /// The bytes of a file.
    ///
    /// # Errors
    /// [`Unasked`].
    pub fn content(&self, path: &str) -> Result<Option<&Bytes>, Unasked> {
        let probe = Probe::Content { path: path.to_owned() };
        match self.get(&probe)? {
            Fact::Content(bytes) => Ok(bytes.as_ref()),
            _ => Err(Unasked(probe)),
        }
    }
    /// What a Mailcow folder is.
    ///
    /// # Errors
    /// [`Unasked`].
    pub fn mailcow(&self, dir: &str) -> Result<&Result<Mailcow, String>, Unasked> {
        let probe = Probe::Mailcow { dir: dir.to_owned() };
        match self.get(&probe)? {
            Fact::Mailcow(mailcow) => Ok(mailcow),
            _ => Err(Unasked(probe)),
        }
    }
}
