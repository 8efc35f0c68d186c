//! All incidents folded, with the indexes that correlation needs: the state of the whole product as a value.
