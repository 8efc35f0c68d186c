// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// An upgradeable contract's entry. Implementation and administrator are in the slots of EIP-1967. The administrator
/// speaks to the proxy itself and everybody else to the implementation, so that no selector can mean two things.
contract Proxy {
    /// keccak256("eip1967.proxy.implementation") - 1
    bytes32 private constant IMPLEMENTATION = 0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc;
    /// keccak256("eip1967.proxy.admin") - 1
    bytes32 private constant ADMIN = 0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103;

    event Upgraded(address indexed implementation);
    event AdminChanged(address previousAdmin, address newAdmin);

    error UnknownAdminCall(bytes4 selector);
    error NoCode(address implementation);

    constructor(address implementation, address admin, bytes memory setup) {
        _store(ADMIN, admin);
        emit AdminChanged(address(0), admin);
        _upgrade(implementation);
        (bool done, bytes memory reason) = implementation.delegatecall(setup);
        if (!done) _bubble(reason);
    }

    fallback() external payable {
        if (msg.sender == _load(ADMIN)) {
            _administer();
        } else {
            _forward(_load(IMPLEMENTATION));
        }
    }

    function _administer() private {
        if (msg.sig == bytes4(keccak256("upgradeTo(address)"))) {
            _upgrade(abi.decode(msg.data[4:], (address)));
        } else if (msg.sig == bytes4(keccak256("changeAdmin(address)"))) {
            address next = abi.decode(msg.data[4:], (address));
            emit AdminChanged(msg.sender, next);
            _store(ADMIN, next);
        } else {
            revert UnknownAdminCall(msg.sig);
        }
    }

    function _upgrade(address implementation) private {
        if (implementation.code.length == 0) revert NoCode(implementation);
        _store(IMPLEMENTATION, implementation);
        emit Upgraded(implementation);
    }

    function _forward(address implementation) private {
        assembly {
            calldatacopy(0, 0, calldatasize())
            let done := delegatecall(gas(), implementation, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if iszero(done) { revert(0, returndatasize()) }
            return(0, returndatasize())
        }
    }

    function _load(bytes32 slot) private view returns (address value) {
        assembly {
            value := sload(slot)
        }
    }

    function _store(bytes32 slot, address value) private {
        assembly {
            sstore(slot, value)
        }
    }

    function _bubble(bytes memory reason) private pure {
        assembly {
            revert(add(reason, 32), mload(reason))
        }
    }
}
