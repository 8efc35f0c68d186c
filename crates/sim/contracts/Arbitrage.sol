// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "./ERC20.sol";
import {FlashLender, IFlashBorrower} from "./FlashLender.sol";
import {Pool} from "./Pool.sol";

/// The innocent twin of `FlashAttack`: with borrowed cash, buys where a token is cheap and sells where it is dear. Both
/// pools end nearer to one another and no shareholder loses.
contract Arbitrage is IFlashBorrower {
    address private immutable owner;
    FlashLender private immutable lender;

    error NotOwner(address caller);
    error NoProfit();

    constructor(FlashLender lender_) {
        owner = msg.sender;
        lender = lender_;
    }

    function run(address cash, uint256 amount, Pool cheap, Pool dear) external {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        lender.flashLoan(address(this), cash, amount, abi.encode(cheap, dear));
        uint256 profit = IERC20(cash).balanceOf(address(this));
        if (profit == 0) revert NoProfit();
        IERC20(cash).transfer(owner, profit);
    }

    function onFlashLoan(address, address token, uint256 amount, uint256 fee, bytes calldata data)
        external
        returns (bytes32)
    {
        (Pool cheap, Pool dear) = abi.decode(data, (Pool, Pool));
        IERC20 good = cheap.token0();
        IERC20(token).approve(address(cheap), amount);
        uint256 bought = cheap.swapExactIn(token, amount, 0, address(this));
        good.approve(address(dear), bought);
        dear.swapExactIn(address(good), bought, 0, address(this));
        IERC20(token).approve(address(lender), amount + fee);
        return keccak256("ERC3156FlashBorrower.onFlashLoan");
    }
}
