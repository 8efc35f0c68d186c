// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// An m-of-n account. An owner proposes a call and thereby confirms it; the confirmation that reaches the threshold
/// carries it out. Owners and threshold change only by such a call to itself.
contract Multisig {
    struct Proposal {
        address target;
        bytes data;
        uint256 confirmations;
        bool executed;
    }

    uint256 public threshold;
    mapping(address => bool) public isOwner;
    mapping(uint256 => mapping(address => bool)) public confirmedBy;
    Proposal[] public proposals;

    event AddedOwner(address indexed owner);
    event RemovedOwner(address indexed owner);
    event ChangedThreshold(uint256 threshold);
    event Proposed(uint256 indexed id, address indexed owner, address indexed target, bytes data);
    event Confirmed(uint256 indexed id, address indexed owner);
    event Executed(uint256 indexed id, address indexed target);

    error NotOwner(address caller);
    error NotSelf(address caller);
    error AlreadyDone(uint256 id);

    constructor(address[] memory owners, uint256 threshold_) {
        for (uint256 i = 0; i < owners.length; i++) {
            isOwner[owners[i]] = true;
            emit AddedOwner(owners[i]);
        }
        threshold = threshold_;
        emit ChangedThreshold(threshold_);
    }

    modifier onlyOwner() {
        if (!isOwner[msg.sender]) revert NotOwner(msg.sender);
        _;
    }

    modifier onlySelf() {
        if (msg.sender != address(this)) revert NotSelf(msg.sender);
        _;
    }

    function proposalCount() external view returns (uint256) {
        return proposals.length;
    }

    function propose(address target, bytes calldata data) external onlyOwner returns (uint256 id) {
        id = proposals.length;
        proposals.push(Proposal(target, data, 0, false));
        emit Proposed(id, msg.sender, target, data);
        _confirm(id);
    }

    function confirm(uint256 id) external onlyOwner {
        _confirm(id);
    }

    function swapOwner(address previous, address next) external onlySelf {
        isOwner[previous] = false;
        isOwner[next] = true;
        emit RemovedOwner(previous);
        emit AddedOwner(next);
    }

    function changeThreshold(uint256 next) external onlySelf {
        threshold = next;
        emit ChangedThreshold(next);
    }

    function _confirm(uint256 id) private {
        Proposal storage proposal = proposals[id];
        if (proposal.executed || confirmedBy[id][msg.sender]) revert AlreadyDone(id);
        confirmedBy[id][msg.sender] = true;
        proposal.confirmations += 1;
        emit Confirmed(id, msg.sender);
        if (proposal.confirmations < threshold) return;
        proposal.executed = true;
        (bool done, bytes memory reason) = proposal.target.call(proposal.data);
        if (!done) {
            assembly {
                revert(add(reason, 32), mload(reason))
            }
        }
        emit Executed(id, proposal.target);
    }
}
