//! The codec from outside: what it writes it reads again, it survives any bytes, and the bytes of version 1 stay what they are.

mod any;

mod round_trip;
