// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "./ERC20.sol";

/// This chain's end of a lock-and-mint bridge, and the token that it mints: dollars that are locked elsewhere. The relayer
/// proves messages under a root of the other side; anybody may then have a proven one carried out, once.
///
/// THE FLAW, on purpose: `accepted` of the empty root was set when the contract was made, and a message that nobody
/// proved has just that root. Anybody can have any message carried out. A bridge has lost $190 million to exactly this.
contract Mirror is ERC20 {
    address public immutable relayer;
    mapping(bytes32 => bool) public accepted;
    mapping(bytes32 => bytes32) public rootOf;
    mapping(bytes32 => bool) public done;

    event Proven(bytes32 indexed message, bytes32 indexed root);
    event Arrived(bytes32 indexed message, address indexed recipient, uint256 amount);
    event Sent(uint256 destination, address indexed sender, uint256 amount);

    error NotRelayer(address caller);
    error NotProven(bytes32 message);
    error AlreadyDone(bytes32 message);

    constructor(address relayer_, bytes32 committed) ERC20("Port Dollar", "PUSD", 6) {
        relayer = relayer_;
        accepted[committed] = true;
    }

    function messageOf(uint256 number, address recipient, uint256 amount) public pure returns (bytes32) {
        return keccak256(abi.encode(number, recipient, amount));
    }

    function prove(bytes32 message, bytes32 root) external {
        if (msg.sender != relayer) revert NotRelayer(msg.sender);
        accepted[root] = true;
        rootOf[message] = root;
        emit Proven(message, root);
    }

    /// Mints what was locked on the other side.
    function process(uint256 number, address recipient, uint256 amount) external {
        bytes32 message = messageOf(number, recipient, amount);
        if (!accepted[rootOf[message]]) revert NotProven(message);
        if (done[message]) revert AlreadyDone(message);
        done[message] = true;
        _mint(recipient, amount);
        emit Arrived(message, recipient, amount);
    }

    /// Burns what is to be unlocked on the other side.
    function send(uint256 destination, uint256 amount) external {
        _burn(msg.sender, amount);
        emit Sent(destination, msg.sender, amount);
    }
}
