// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "./ERC20.sol";
import {Pool} from "./Pool.sol";

/// A lending market: lenders supply `asset` for shares, borrowers pledge `collateral`.
///
/// THE FLAW, on purpose: collateral is worth what the pool says at this instant (`Pool.spotPrice`), so a borrower who
/// buys the pool up within the same transaction borrows against a price that nobody would pay. Markets have lost
/// hundreds of millions to exactly this.
contract LendingVault {
    IERC20 public immutable asset;
    IERC20 public immutable collateral;
    Pool public immutable pool;

    /// Debt allowed per value of collateral, in percent.
    uint256 public constant LOAN_TO_VALUE = 75;
    /// Added to each loan for the lenders, in hundredths of a percent.
    uint256 public constant ORIGINATION_FEE = 10;

    uint256 public totalShares;
    uint256 public totalDebt;
    mapping(address => uint256) public sharesOf;
    mapping(address => uint256) public collateralOf;
    mapping(address => uint256) public debtOf;

    event Deposit(address indexed sender, address indexed owner, uint256 assets, uint256 shares);
    event Withdraw(
        address indexed sender, address indexed receiver, address indexed owner, uint256 assets, uint256 shares
    );
    event CollateralAdded(address indexed borrower, uint256 amount);
    event CollateralRemoved(address indexed borrower, uint256 amount);
    event Borrow(address indexed borrower, uint256 amount, uint256 debt);
    event Repay(address indexed borrower, uint256 amount, uint256 debt);
    event Liquidate(address indexed liquidator, address indexed borrower, uint256 debt, uint256 collateral);

    error Undercollateralized(address borrower, uint256 debt, uint256 limit);
    error Healthy(address borrower);
    error TooMuch(uint256 wanted, uint256 available);

    constructor(IERC20 asset_, IERC20 collateral_, Pool pool_) {
        asset = asset_;
        collateral = collateral_;
        pool = pool_;
    }

    /// Cash and claims together: what the shares stand for.
    function totalAssets() public view returns (uint256) {
        return asset.balanceOf(address(this)) + totalDebt;
    }

    function supply(uint256 assets) external returns (uint256 shares) {
        shares = totalShares == 0 ? assets : (assets * totalShares) / totalAssets();
        asset.transferFrom(msg.sender, address(this), assets);
        sharesOf[msg.sender] += shares;
        totalShares += shares;
        emit Deposit(msg.sender, msg.sender, assets, shares);
    }

    function withdraw(uint256 shares) external returns (uint256 assets) {
        if (shares > sharesOf[msg.sender]) revert TooMuch(shares, sharesOf[msg.sender]);
        assets = (shares * totalAssets()) / totalShares;
        sharesOf[msg.sender] -= shares;
        totalShares -= shares;
        asset.transfer(msg.sender, assets);
        emit Withdraw(msg.sender, msg.sender, msg.sender, assets, shares);
    }

    function addCollateral(uint256 amount) external {
        collateral.transferFrom(msg.sender, address(this), amount);
        collateralOf[msg.sender] += amount;
        emit CollateralAdded(msg.sender, amount);
    }

    function removeCollateral(uint256 amount) external {
        if (amount > collateralOf[msg.sender]) revert TooMuch(amount, collateralOf[msg.sender]);
        collateralOf[msg.sender] -= amount;
        _requireHealthy(msg.sender);
        collateral.transfer(msg.sender, amount);
        emit CollateralRemoved(msg.sender, amount);
    }

    function borrow(uint256 amount) external {
        uint256 owed = amount + (amount * ORIGINATION_FEE) / 10_000;
        debtOf[msg.sender] += owed;
        totalDebt += owed;
        _requireHealthy(msg.sender);
        asset.transfer(msg.sender, amount);
        emit Borrow(msg.sender, amount, debtOf[msg.sender]);
    }

    function repay(uint256 amount) external {
        if (amount > debtOf[msg.sender]) revert TooMuch(amount, debtOf[msg.sender]);
        asset.transferFrom(msg.sender, address(this), amount);
        debtOf[msg.sender] -= amount;
        totalDebt -= amount;
        emit Repay(msg.sender, amount, debtOf[msg.sender]);
    }

    /// Pays an unhealthy borrower's whole debt and takes the whole collateral.
    function liquidate(address borrower) external {
        uint256 debt = debtOf[borrower];
        if (debt <= debtLimit(borrower)) revert Healthy(borrower);
        uint256 seized = collateralOf[borrower];
        asset.transferFrom(msg.sender, address(this), debt);
        debtOf[borrower] = 0;
        collateralOf[borrower] = 0;
        totalDebt -= debt;
        collateral.transfer(msg.sender, seized);
        emit Liquidate(msg.sender, borrower, debt, seized);
    }

    function debtLimit(address borrower) public view returns (uint256) {
        return (collateralOf[borrower] * pool.spotPrice() * LOAN_TO_VALUE) / (1e18 * 100);
    }

    function _requireHealthy(address borrower) private view {
        uint256 limit = debtLimit(borrower);
        if (debtOf[borrower] > limit) revert Undercollateralized(borrower, debtOf[borrower], limit);
    }
}
