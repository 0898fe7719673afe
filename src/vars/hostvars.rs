//! `hostvars`: the variables of other hosts, each rendered where it belongs when it is touched.
use super::scope::Hosts;
use super::session::Session;
use minijinja::value::{Enumerator, Object, Value};
use std::fmt;
use std::sync::Arc;

/// All hosts by name.
pub(super) struct Everyone {
    pub(super) session: Arc<Session>,
    pub(super) hosts: Arc<Hosts>,
}

impl fmt::Debug for Everyone {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("hostvars")
    }
}

impl Object for Everyone {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }
    fn get_value_by_str(self: &Arc<Self>, host: &str) -> Option<Value> {
        let session = self.session.of_host(host, &self.hosts)?;
        Some(Value::from_object(Other { session }))
    }
    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.hosts.names().into_iter().map(Value::from).collect())
    }
}

/// The variables of one, or all that hold here (`vars`).
pub(super) struct Other {
    pub(super) session: Arc<Session>,
}

impl fmt::Debug for Other {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("variables of a host")
    }
}

impl Object for Other {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }
    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        self.session.variable(name)
    }
    fn enumerate(self: &Arc<Self>) -> Enumerator {
        // Whoever wants all wants them once.
        let names = self.session.names().into_iter().filter(|name| name != "hostvars");
        Enumerator::Values(names.map(Value::from).collect())
    }
}
