//! Which functions and events change who may do what. Standards and the widespread libraries only, no single protocol's own.

/// How much a change gives away. Ordered: the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gravity {
    /// Whoever made it controls the contract, or decides who does.
    Control,
    /// It changes what the contract does or who may do a part of it.
    Operation,
}

use Gravity::{Control, Operation};

/// A signature, its gravity, and what it does in words.
type Rule = (&'static str, Gravity, &'static str);

/// Functions that change who may do what.
pub(super) const CALLS: &[Rule] = &[
    // Proxies: EIP-1967, OpenZeppelin, EIP-1822, EIP-2535.
    ("upgradeTo(address)", Control, "implementation replaced"),
    ("upgradeToAndCall(address,bytes)", Control, "implementation replaced"),
    ("upgrade(address,address)", Control, "implementation replaced"),
    ("upgradeAndCall(address,address,bytes)", Control, "implementation replaced"),
    ("setImplementation(address)", Control, "implementation replaced"),
    ("_setImplementation(address)", Control, "implementation replaced"),
    ("_setImplementation(address,bool,bytes)", Control, "implementation replaced"),
    ("changeMasterCopy(address)", Control, "implementation replaced"),
    ("diamondCut((address,uint8,bytes4[])[],address,bytes)", Control, "implementation replaced"),
    ("changeAdmin(address)", Control, "administrator changed"),
    ("changeProxyAdmin(address,address)", Control, "administrator changed"),
    ("setAdmin(address)", Control, "administrator changed"),
    ("setPendingAdmin(address)", Control, "administrator changed"),
    ("_setPendingAdmin(address)", Control, "administrator changed"),
    ("acceptAdmin()", Control, "administrator changed"),
    ("_acceptAdmin()", Control, "administrator changed"),
    // Owners and roles.
    ("transferOwnership(address)", Control, "owner changed"),
    ("acceptOwnership()", Control, "owner changed"),
    ("setOwner(address)", Control, "owner changed"),
    ("changeOwner(address)", Control, "owner changed"),
    ("renounceOwnership()", Operation, "owner gone"),
    ("grantRole(bytes32,address)", Operation, "role granted"),
    ("revokeRole(bytes32,address)", Operation, "role revoked"),
    ("setGovernance(address)", Control, "governor changed"),
    ("setGovernor(address)", Control, "governor changed"),
    ("addMinter(address)", Control, "minter added"),
    ("setMinter(address)", Control, "minter added"),
    ("configureMinter(address,uint256)", Control, "minter added"),
    // Multi-signature accounts.
    ("addOwnerWithThreshold(address,uint256)", Control, "signer added"),
    ("addOwner(address)", Control, "signer added"),
    ("removeOwner(address,address,uint256)", Control, "signer removed"),
    ("removeOwner(address)", Control, "signer removed"),
    ("replaceOwner(address,address)", Control, "signer replaced"),
    ("swapOwner(address,address,address)", Control, "signer replaced"),
    ("changeThreshold(uint256)", Control, "threshold changed"),
    ("changeRequirement(uint256)", Control, "threshold changed"),
    ("enableModule(address)", Control, "module enabled"),
    ("setGuard(address)", Control, "guard changed"),
    ("setFallbackHandler(address)", Operation, "fallback handler changed"),
    // Keepers, validators and guardians of bridges.
    ("addValidator(address)", Control, "validator added"),
    ("removeValidator(address)", Control, "validator removed"),
    ("setRequiredSignatures(uint256)", Control, "threshold changed"),
    ("submitNewGuardianSet(bytes)", Control, "guardians replaced"),
    ("putCurEpochConPubKeyBytes(bytes)", Control, "keepers replaced"),
    ("changeBookKeeper(bytes,bytes,bytes)", Control, "keepers replaced"),
    ("adminAddRelayer(address)", Control, "relayer added"),
    ("adminRemoveRelayer(address)", Control, "relayer removed"),
    ("adminChangeRelayerThreshold(uint256)", Control, "threshold changed"),
    ("changeMPCOwner(address)", Control, "owner changed"),
    ("changeVault(address)", Control, "vault changed"),
    // Time locks and pauses.
    ("updateDelay(uint256)", Control, "time lock changed"),
    ("setDelay(uint256)", Control, "time lock changed"),
    ("pause()", Operation, "paused"),
    ("unpause()", Operation, "resumed"),
    // Initialization of what exists already.
    ("initialize()", Control, "initialized again"),
    ("initialize(address)", Control, "initialized again"),
    ("initialize(address,address)", Control, "initialized again"),
    ("initialize(address,address,address)", Control, "initialized again"),
    ("initialize(address,address,address,address)", Control, "initialized again"),
    ("initialize(address,address,address,address,address)", Control, "initialized again"),
    ("initialize(address,address,address,address,address,address)", Control, "initialized again"),
    ("initialize(address,address,address,address,address,address,address)", Control, "initialized again"),
    ("initialize(address,uint256)", Control, "initialized again"),
    ("initialize(address,bytes)", Control, "initialized again"),
    ("initialize(bytes)", Control, "initialized again"),
    ("initialize(string,string)", Control, "initialized again"),
    ("initialize(string,string,uint8)", Control, "initialized again"),
    ("init()", Control, "initialized again"),
    ("init(address)", Control, "initialized again"),
    ("init(address,address)", Control, "initialized again"),
    ("init(bytes)", Control, "initialized again"),
    ("initWallet(address[],uint256,uint256)", Control, "initialized again"),
    ("initMultiowned(address[],uint256)", Control, "initialized again"),
    ("setup(address[],uint256,address,bytes,address,address,uint256,address)", Control, "initialized again"),
];

/// Events that tell of such a change.
pub(super) const EVENTS: &[Rule] = &[
    ("Upgraded(address)", Control, "implementation replaced"),
    ("BeaconUpgraded(address)", Control, "implementation replaced"),
    ("ChangedMasterCopy(address)", Control, "implementation replaced"),
    ("DiamondCut((address,uint8,bytes4[])[],address,bytes)", Control, "implementation replaced"),
    ("AdminChanged(address,address)", Control, "administrator changed"),
    ("NewAdmin(address,address)", Control, "administrator changed"),
    ("NewAdmin(address)", Control, "administrator changed"),
    ("NewPendingAdmin(address,address)", Control, "administrator changed"),
    ("OwnershipTransferred(address,address)", Control, "owner changed"),
    ("OwnershipTransferStarted(address,address)", Control, "owner changed"),
    ("RoleGranted(bytes32,address,address)", Operation, "role granted"),
    ("RoleRevoked(bytes32,address,address)", Operation, "role revoked"),
    ("RoleAdminChanged(bytes32,bytes32,bytes32)", Control, "administrator role changed"),
    ("MinterAdded(address)", Control, "minter added"),
    ("MinterConfigured(address,uint256)", Control, "minter added"),
    ("AddedOwner(address)", Control, "signer added"),
    ("RemovedOwner(address)", Control, "signer removed"),
    ("OwnerAddition(address)", Control, "signer added"),
    ("OwnerRemoval(address)", Control, "signer removed"),
    ("ChangedThreshold(uint256)", Control, "threshold changed"),
    ("RequirementChange(uint256)", Control, "threshold changed"),
    ("EnabledModule(address)", Control, "module enabled"),
    ("ChangedGuard(address)", Control, "guard changed"),
    ("ChangedFallbackHandler(address)", Operation, "fallback handler changed"),
    ("MinDelayChange(uint256,uint256)", Control, "time lock changed"),
    ("NewDelay(uint256)", Control, "time lock changed"),
    ("Paused(address)", Operation, "paused"),
    ("Unpaused(address)", Operation, "resumed"),
    ("Paused()", Operation, "paused"),
    ("Unpaused()", Operation, "resumed"),
];
