//! Ethereum JSON-RPC bodies: blocks with full transactions, receipts, `callTracer` trees and flat Parity traces.
