//! The edge that reads every project file once.
