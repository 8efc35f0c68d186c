// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "./ERC20.sol";

/// One side of a lock-and-release bridge, behind a `Proxy`. Users lock tokens here; the relayer releases them when the
/// other side burnt the same amount; the pauser stops both. Nothing is ever released twice for one message.
contract Bridge {
    bool private initialized;
    bool public paused;
    address public owner;
    address public relayer;
    address public pauser;
    uint256 public lockCount;
    mapping(address => uint256) public lockedOf;
    mapping(bytes32 => bool) public released;

    event Locked(
        uint256 indexed id,
        address indexed token,
        address indexed sender,
        uint256 amount,
        uint256 destination,
        address recipient
    );
    event Released(bytes32 indexed message, address indexed token, address indexed recipient, uint256 amount);
    event Paused(address account);
    event Unpaused(address account);
    event RelayerChanged(address previousRelayer, address newRelayer);
    event PauserChanged(address previousPauser, address newPauser);

    error AlreadyInitialized();
    error IsPaused();
    error NotAllowed(address caller);
    error AlreadyReleased(bytes32 message);
    error NotLocked(address token, uint256 wanted, uint256 locked);

    function initialize(address owner_, address relayer_, address pauser_) external {
        if (initialized) revert AlreadyInitialized();
        initialized = true;
        owner = owner_;
        relayer = relayer_;
        pauser = pauser_;
        emit RelayerChanged(address(0), relayer_);
        emit PauserChanged(address(0), pauser_);
    }

    modifier whenRunning() {
        if (paused) revert IsPaused();
        _;
    }

    modifier only(address account) {
        if (msg.sender != account) revert NotAllowed(msg.sender);
        _;
    }

    function lock(address token, uint256 amount, uint256 destination, address recipient) external whenRunning {
        lockedOf[token] += amount;
        IERC20(token).transferFrom(msg.sender, address(this), amount);
        emit Locked(lockCount++, token, msg.sender, amount, destination, recipient);
    }

    function release(bytes32 message, address token, address recipient, uint256 amount)
        external
        whenRunning
        only(relayer)
    {
        if (released[message]) revert AlreadyReleased(message);
        if (lockedOf[token] < amount) revert NotLocked(token, amount, lockedOf[token]);
        released[message] = true;
        lockedOf[token] -= amount;
        IERC20(token).transfer(recipient, amount);
        emit Released(message, token, recipient, amount);
    }

    function pause() external only(pauser) {
        paused = true;
        emit Paused(msg.sender);
    }

    function unpause() external only(owner) {
        paused = false;
        emit Unpaused(msg.sender);
    }

    function setRelayer(address next) external only(owner) {
        emit RelayerChanged(relayer, next);
        relayer = next;
    }

    function setPauser(address next) external only(owner) {
        emit PauserChanged(pauser, next);
        pauser = next;
    }
}
