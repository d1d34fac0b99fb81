//! Where the keys live: the table.
