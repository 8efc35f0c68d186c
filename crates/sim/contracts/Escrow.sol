// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// Keeps coins of both sides of a trade until it is settled. A deposit can be handed over to somebody else, and taken
/// back.
///
/// THE FLAW, on purpose: `refund` pays before it writes its books, and while it waits for the receiver `assign` still
/// hands the same deposit over. No function is called twice, so a guard on `refund` alone would not help.
contract Escrow {
    mapping(address => uint256) public depositOf;

    event Deposited(address indexed owner, uint256 amount);
    event Assigned(address indexed from, address indexed to, uint256 amount);
    event Refunded(address indexed owner, uint256 amount);

    error NothingThere(address owner);
    error Unpaid(address receiver, uint256 amount);

    function deposit() external payable {
        depositOf[msg.sender] += msg.value;
        emit Deposited(msg.sender, msg.value);
    }

    /// Hands the caller's whole deposit over.
    function assign(address to) external {
        uint256 amount = depositOf[msg.sender];
        if (amount == 0) revert NothingThere(msg.sender);
        depositOf[msg.sender] = 0;
        depositOf[to] += amount;
        emit Assigned(msg.sender, to, amount);
    }

    /// Pays the caller's whole deposit back.
    function refund() external {
        uint256 amount = depositOf[msg.sender];
        if (amount == 0) revert NothingThere(msg.sender);
        (bool paid,) = msg.sender.call{value: amount}("");
        if (!paid) revert Unpaid(msg.sender, amount);
        depositOf[msg.sender] = 0;
        emit Refunded(msg.sender, amount);
    }
}
