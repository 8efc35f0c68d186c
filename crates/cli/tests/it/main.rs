//! The executable as a person uses it: what they type, what it prints where, how it exits.

#[cfg(test)]
mod served;
#[cfg(test)]
mod backtest;
#[cfg(test)]
mod backup;
#[cfg(test)]
mod words;
#[cfg(test)]
mod doors;
#[cfg(test)]
mod evaluate;
#[cfg(test)]
mod key;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod silence;
#[cfg(test)]
mod verify;
