//! Calendar rules: the only place that knows time zones (SEMANTICS §10).
