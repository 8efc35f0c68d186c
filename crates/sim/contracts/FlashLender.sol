// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "./ERC20.sol";

/// The borrower's side of ERC-3156.
interface IFlashBorrower {
    function onFlashLoan(address initiator, address token, uint256 amount, uint256 fee, bytes calldata data)
        external
        returns (bytes32);
}

/// An ERC-3156 lender: lends what it holds of any token within one transaction, for 0.09 %.
contract FlashLender {
    /// In hundredths of a percent.
    uint256 public constant FEE = 9;
    bytes32 private constant ACCEPTED = keccak256("ERC3156FlashBorrower.onFlashLoan");

    event FlashLoan(address indexed receiver, address indexed token, uint256 amount, uint256 fee);

    error Refused(address receiver);
    error NotRepaid(address token, uint256 wanted);

    function maxFlashLoan(address token) public view returns (uint256) {
        return IERC20(token).balanceOf(address(this));
    }

    function flashFee(address, uint256 amount) public pure returns (uint256) {
        return (amount * FEE) / 10_000;
    }

    function flashLoan(address receiver, address token, uint256 amount, bytes calldata data) external returns (bool) {
        uint256 fee = flashFee(token, amount);
        IERC20(token).transfer(receiver, amount);
        emit FlashLoan(receiver, token, amount, fee);
        if (IFlashBorrower(receiver).onFlashLoan(msg.sender, token, amount, fee, data) != ACCEPTED) {
            revert Refused(receiver);
        }
        if (!IERC20(token).transferFrom(receiver, address(this), amount + fee)) revert NotRepaid(token, amount + fee);
        return true;
    }
}
