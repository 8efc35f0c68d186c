// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// A vault for the chain's own coin with shares and events after ERC-4626. Rewards sent with `addRewards` raise the
/// value of every share.
///
/// THE FLAW, on purpose: `exit` pays before it writes its books, so a contract that is paid can call `exit` again and
/// be paid for the same shares until the vault is empty. `redeem` does it in the right order.
contract YieldVault {
    uint256 public totalShares;
    uint256 public totalAssets;
    mapping(address => uint256) public sharesOf;

    event Deposit(address indexed sender, address indexed owner, uint256 assets, uint256 shares);
    event Withdraw(
        address indexed sender, address indexed receiver, address indexed owner, uint256 assets, uint256 shares
    );
    event Rewards(address indexed sender, uint256 amount);

    error TooMuch(uint256 wanted, uint256 available);
    error Unpaid(address receiver, uint256 amount);

    function deposit() external payable returns (uint256 shares) {
        shares = totalShares == 0 ? msg.value : (msg.value * totalShares) / totalAssets;
        sharesOf[msg.sender] += shares;
        totalShares += shares;
        totalAssets += msg.value;
        emit Deposit(msg.sender, msg.sender, msg.value, shares);
    }

    function addRewards() external payable {
        totalAssets += msg.value;
        emit Rewards(msg.sender, msg.value);
    }

    function convertToAssets(uint256 shares) public view returns (uint256) {
        return totalShares == 0 ? shares : (shares * totalAssets) / totalShares;
    }

    function redeem(uint256 shares) external returns (uint256 assets) {
        if (shares > sharesOf[msg.sender]) revert TooMuch(shares, sharesOf[msg.sender]);
        assets = convertToAssets(shares);
        sharesOf[msg.sender] -= shares;
        totalShares -= shares;
        totalAssets -= assets;
        _pay(msg.sender, assets);
        emit Withdraw(msg.sender, msg.sender, msg.sender, assets, shares);
    }

    /// Redeems everything that the caller holds.
    function exit() external returns (uint256 assets) {
        uint256 shares = sharesOf[msg.sender];
        assets = convertToAssets(shares);
        _pay(msg.sender, assets);
        sharesOf[msg.sender] = 0;
        totalShares -= shares;
        totalAssets -= assets;
        emit Withdraw(msg.sender, msg.sender, msg.sender, assets, shares);
    }

    function _pay(address to, uint256 amount) private {
        (bool paid,) = to.call{value: amount}("");
        if (!paid) revert Unpaid(to, amount);
    }
}
