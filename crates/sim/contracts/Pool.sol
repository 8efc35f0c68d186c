// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20, IERC20} from "./ERC20.sol";

/// What a contract implements to receive tokens from `swap` before it pays for them.
interface ISwapCallee {
    function onSwap(address sender, uint256 amount0Out, uint256 amount1Out, bytes calldata data) external;
}

/// A constant-product pool of two tokens; its own shares are an EIP-20 token. 0.3 % of what goes in stays with the
/// shareholders. The events have the signatures that indexers know from the most used pools.
contract Pool is ERC20 {
    IERC20 public immutable token0;
    IERC20 public immutable token1;

    uint112 private reserve0;
    uint112 private reserve1;
    bool private entered;

    /// Shares locked for ever by the first deposit, so that one share never becomes dear.
    uint256 private constant LOCKED_SHARES = 1_000;

    event Mint(address indexed sender, uint256 amount0, uint256 amount1);
    event Burn(address indexed sender, uint256 amount0, uint256 amount1, address indexed to);
    event Swap(
        address indexed sender,
        uint256 amount0In,
        uint256 amount1In,
        uint256 amount0Out,
        uint256 amount1Out,
        address indexed to
    );
    event Sync(uint112 reserve0, uint112 reserve1);

    error Reentered();
    error UnknownToken(address token);
    error NothingOut();
    error OutExceedsReserve();
    error ProductFell();
    error TooLittleOut(uint256 out, uint256 wanted);
    error NoSharesForThat();

    constructor(IERC20 token0_, IERC20 token1_) ERC20("Pool share", "LP", 18) {
        token0 = token0_;
        token1 = token1_;
    }

    modifier once() {
        if (entered) revert Reentered();
        entered = true;
        _;
        entered = false;
    }

    function getReserves() public view returns (uint112, uint112) {
        return (reserve0, reserve1);
    }

    /// Units of token1 for 1e18 units of token0, at this instant. It moves with every swap: whoever prices collateral
    /// by it can be deceived within one transaction.
    function spotPrice() external view returns (uint256) {
        return (uint256(reserve1) * 1e18) / reserve0;
    }

    /// What `amountIn` of `tokenIn` would give now.
    function quote(address tokenIn, uint256 amountIn) public view returns (uint256) {
        (uint256 reserveIn, uint256 reserveOut) = _oriented(tokenIn);
        uint256 counted = amountIn * 997;
        return (counted * reserveOut) / (reserveIn * 1_000 + counted);
    }

    /// Takes both tokens from the caller and gives shares to `to`.
    function addLiquidity(uint256 amount0, uint256 amount1, address to) external once returns (uint256 shares) {
        (uint256 old0, uint256 old1) = (reserve0, reserve1);
        token0.transferFrom(msg.sender, address(this), amount0);
        token1.transferFrom(msg.sender, address(this), amount1);
        if (totalSupply == 0) {
            shares = _sqrt(amount0 * amount1) - LOCKED_SHARES;
            _mint(address(0xdead), LOCKED_SHARES);
        } else {
            uint256 by0 = (amount0 * totalSupply) / old0;
            uint256 by1 = (amount1 * totalSupply) / old1;
            shares = by0 < by1 ? by0 : by1;
        }
        if (shares == 0) revert NoSharesForThat();
        _mint(to, shares);
        _sync();
        emit Mint(msg.sender, amount0, amount1);
    }

    /// Burns the caller's shares and pays both tokens to `to`.
    function removeLiquidity(uint256 shares, address to) external once returns (uint256 amount0, uint256 amount1) {
        amount0 = (shares * reserve0) / totalSupply;
        amount1 = (shares * reserve1) / totalSupply;
        if (amount0 == 0 || amount1 == 0) revert NoSharesForThat();
        _burn(msg.sender, shares);
        token0.transfer(to, amount0);
        token1.transfer(to, amount1);
        _sync();
        emit Burn(msg.sender, amount0, amount1, to);
    }

    /// Sells exactly `amountIn` of `tokenIn` for at least `minOut` of the other token.
    function swapExactIn(address tokenIn, uint256 amountIn, uint256 minOut, address to)
        external
        once
        returns (uint256 out)
    {
        out = quote(tokenIn, amountIn);
        if (out < minOut) revert TooLittleOut(out, minOut);
        IERC20(tokenIn).transferFrom(msg.sender, address(this), amountIn);
        bool zeroIn = tokenIn == address(token0);
        _pay(zeroIn ? 0 : out, zeroIn ? out : 0, to, "");
    }

    /// Pays out first and checks afterwards that enough came in: with `data`, `to` is called in between (a flash swap).
    function swap(uint256 amount0Out, uint256 amount1Out, address to, bytes calldata data) external once {
        _pay(amount0Out, amount1Out, to, data);
    }

    function _pay(uint256 out0, uint256 out1, address to, bytes memory data) private {
        (uint256 old0, uint256 old1) = (reserve0, reserve1);
        if (out0 == 0 && out1 == 0) revert NothingOut();
        if (out0 >= old0 || out1 >= old1) revert OutExceedsReserve();
        if (out0 > 0) token0.transfer(to, out0);
        if (out1 > 0) token1.transfer(to, out1);
        if (data.length > 0) ISwapCallee(to).onSwap(msg.sender, out0, out1, data);
        (uint256 in0, uint256 in1) = _settle(old0 - out0, old1 - out1, old0 * old1);
        emit Swap(msg.sender, in0, in1, out0, out1, to);
    }

    /// What came in since the pool was left with `left0` and `left1`; refuses it if the product of reserves fell.
    function _settle(uint256 left0, uint256 left1, uint256 product) private returns (uint256 in0, uint256 in1) {
        uint256 now0 = token0.balanceOf(address(this));
        uint256 now1 = token1.balanceOf(address(this));
        in0 = now0 > left0 ? now0 - left0 : 0;
        in1 = now1 > left1 ? now1 - left1 : 0;
        uint256 counted0 = now0 * 1_000 - in0 * 3;
        uint256 counted1 = now1 * 1_000 - in1 * 3;
        if (counted0 * counted1 < product * 1_000_000) revert ProductFell();
        _sync();
    }

    function _oriented(address tokenIn) private view returns (uint256, uint256) {
        if (tokenIn == address(token0)) return (reserve0, reserve1);
        if (tokenIn == address(token1)) return (reserve1, reserve0);
        revert UnknownToken(tokenIn);
    }

    function _sync() private {
        reserve0 = uint112(token0.balanceOf(address(this)));
        reserve1 = uint112(token1.balanceOf(address(this)));
        emit Sync(reserve0, reserve1);
    }

    function _sqrt(uint256 value) private pure returns (uint256 root) {
        if (value == 0) return 0;
        root = value;
        uint256 next = (value >> 1) + 1;
        while (next < root) {
            root = next;
            next = (value / next + next) >> 1;
        }
    }
}
