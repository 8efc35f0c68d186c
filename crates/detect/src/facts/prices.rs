//! Reference prices of well-known assets, for a first judgement where the operator has given none.
//!
//! Rounded, as of the middle of 2023 ([`AS_OF`]): a price here says whether thousands or millions moved, never what they were
//! worth that day. Prices of the operator's catalogue always come first. Must never be used for accounting. Addresses are facts
//! of the chains; a test checks their EIP-55 check sums.

use std::{collections::BTreeMap, sync::LazyLock};

use alloy_primitives::{Address, address};
use quarterdeck_core::{
    catalogue::Catalogue,
    chain::{ChainId, ChainNumber, U256},
    money::{Price, Usd},
};

use crate::figures;

/// The day to which the prices belong.
pub const AS_OF: &str = "2023-06-30";

/// A well-known asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReferenceAsset {
    /// EIP-155 chain number.
    pub chain: ChainNumber,
    /// The token's contract; none for the chain's own coin.
    pub token: Option<Address>,
    /// As people write it, `USDC` for instance.
    pub symbol: &'static str,
    /// What a unit was worth at [`AS_OF`], rounded.
    pub price: Price,
}

/// The reference price of an asset, if it is well known.
pub fn price(chain: ChainId, token: Option<Address>) -> Option<Price> {
    find(chain, token).map(|asset| asset.price)
}

/// A well-known asset; the wrapped coin has its own entry.
pub fn find(chain: ChainId, token: Option<Address>) -> Option<&'static ReferenceAsset> {
    BY_TOKEN.get(&(chain.number()?, token))
}

/// The contract that wraps a chain's coin one to one and can be unwrapped at any time.
pub const fn wrapped_coin(chain: ChainId) -> Option<Address> {
    let ChainId::Eip155(number) = chain else { return None };
    match number {
        1 => Some(address!("C02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2")),
        10 | 8_453 => Some(address!("4200000000000000000000000000000000000006")),
        56 => Some(address!("bb4CdB9CBd36B01bD1cBaEBF2De08d9173bc095c")),
        100 => Some(address!("e91D153E0b41518A2Ce8Dd3D7944Fa863463a97d")),
        137 => Some(address!("0d500B1d8E8eF31E21C99d1Db9A6444d3ADf1270")),
        42_161 => Some(address!("82aF49447D8a07e3bd95BD0d56f35241523fBab1")),
        43_114 => Some(address!("B31f66AA3C1e785363F0875A1B74E27b85FD66c7")),
        _ => None,
    }
}

/// Whether `token` is the chain's wrapped coin.
pub fn wraps_coin(chain: ChainId, token: Address) -> bool {
    wrapped_coin(chain) == Some(token)
}

/// An amount as people read it: `1,250 USDC`. Where the token is not known its decimals are not either, and a figure would only
/// mislead: then it names the token.
pub fn display(chain: ChainId, token: Option<Address>, raw: U256) -> String {
    match (find(chain, token), token) {
        (Some(asset), _) => format!("{} {}", figures::amount(raw, asset.price.decimals), asset.symbol),
        (None, Some(token)) => format!("some of token {token}"),
        (None, None) => format!("{} of the chain's coin", figures::amount(raw, 18)),
    }
}

/// As [`display`], by the operator's own names first.
pub fn display_in(catalogue: &Catalogue, chain: ChainId, token: Option<Address>, raw: U256) -> String {
    match catalogue.assets.get(&(chain, token)) {
        Some(asset) => format!("{} {}", figures::amount(raw, asset.price.decimals), asset.symbol),
        None => display(chain, token, raw),
    }
}

/// An amount with every digit and its unit, for the numbers behind an explanation; raw units where the token is not known.
pub fn exact_in(catalogue: &Catalogue, chain: ChainId, token: Option<Address>, raw: U256) -> (String, String) {
    let own = catalogue.assets.get(&(chain, token)).map(|asset| (asset.price.decimals, asset.symbol.as_str()));
    match own.or_else(|| find(chain, token).map(|asset| (asset.price.decimals, asset.symbol))) {
        Some((decimals, symbol)) => (figures::exact(raw, decimals), symbol.to_owned()),
        None if token.is_none() => (figures::exact(raw, 18), String::from("of the chain's coin")),
        None => (raw.to_string(), String::from("raw units")),
    }
}

/// What `raw` units are worth in cents; none where nobody knows.
pub fn value_in(catalogue: &Catalogue, chain: ChainId, asset: Option<Address>, raw: U256) -> Option<i128> {
    let coin = asset.is_none().then(|| wrapped_coin(chain)).flatten();
    let usd = catalogue
        .value(chain, asset, raw)
        .or_else(|| coin.and_then(|wrapped| catalogue.value(chain, Some(wrapped), raw)))
        .or_else(|| price(chain, asset).map(|price| price.value(raw)))?;
    Some(i128::from(usd.cents()))
}

/// What `raw` units are worth at the reference price.
pub fn value(chain: ChainId, token: Option<Address>, raw: U256) -> Option<Usd> {
    price(chain, token).map(|price| price.value(raw))
}

static BY_TOKEN: LazyLock<BTreeMap<(ChainNumber, Option<Address>), ReferenceAsset>> = LazyLock::new(|| {
    let coins = COINS.iter().flat_map(|(chain, symbol, micro_usd)| {
        let asset = |token| ReferenceAsset {
            chain: *chain,
            token,
            symbol,
            price: Price { micro_usd: *micro_usd, decimals: 18 },
        };
        [Some(asset(None)), wrapped_coin(ChainId::evm(*chain)).map(|wrapped| asset(Some(wrapped)))]
    });
    let tokens = TOKENS.iter().map(|(chain, symbol, token, decimals, micro_usd)| ReferenceAsset {
        chain: *chain,
        token: Some(*token),
        symbol,
        price: Price { micro_usd: *micro_usd, decimals: *decimals },
    });
    coins.flatten().chain(tokens).map(|asset| ((asset.chain, asset.token), asset)).collect()
});

const DOLLAR: u64 = 1_000_000;

/// Coins of the chains whose wrapped form is known above, all with 18 decimals: chain, symbol, millionths of a dollar.
const COINS: [(ChainNumber, &str, u64); 8] = [
    (1, "ETH", 1_900 * DOLLAR),
    (10, "ETH", 1_900 * DOLLAR),
    (56, "BNB", 240 * DOLLAR),
    (100, "xDAI", DOLLAR),
    (137, "MATIC", 650_000),
    (8_453, "ETH", 1_900 * DOLLAR),
    (42_161, "ETH", 1_900 * DOLLAR),
    (43_114, "AVAX", 13 * DOLLAR),
];

/// Chain, symbol, contract, decimals, millionths of a dollar.
const TOKENS: &[(ChainNumber, &str, Address, u8, u64)] = &[
    (1, "USDC", address!("A0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"), 6, DOLLAR),
    (1, "USDT", address!("dAC17F958D2ee523a2206206994597C13D831ec7"), 6, DOLLAR),
    (1, "DAI", address!("6B175474E89094C44Da98b954EedeAC495271d0F"), 18, DOLLAR),
    (1, "SAI", address!("89d24A6b4CcB1B6fAA2625fE562bDD9a23260359"), 18, DOLLAR),
    (1, "TUSD", address!("0000000000085d4780B73119b644AE5ecd22b376"), 18, DOLLAR),
    (1, "BUSD", address!("4Fabb145d64652a948d72533023f6E7A623C7C53"), 18, DOLLAR),
    (1, "sUSD", address!("57Ab1ec28D129707052df4dF418D58a2D46d5f51"), 18, DOLLAR),
    (1, "LUSD", address!("5f98805A4E8be255a32880FDeC7F6728C6568bA0"), 18, DOLLAR),
    (1, "FRAX", address!("853d955aCEf822Db058eb8505911ED77F175b99e"), 18, DOLLAR),
    (1, "FEI", address!("956F47F50A910163D8BF957Cf5846D573E7f87CA"), 18, DOLLAR),
    (1, "GUSD", address!("056Fd409E1d7A124BD7017459dFEa2F387b6d5Cd"), 2, DOLLAR),
    (1, "USDP", address!("8E870D67F660D95d5be530380D0eC0bd388289E1"), 18, DOLLAR),
    (1, "PYUSD", address!("6c3ea9036406852006290770BEdFcAbA0e23A0e8"), 6, DOLLAR),
    (1, "GHO", address!("40D16FC0246aD3160Ccc09B8D0D3A2cD28aE6C2f"), 18, DOLLAR),
    (1, "crvUSD", address!("f939E0A03FB07F59A73314E73794Be0E57ac1b4E"), 18, DOLLAR),
    (1, "USDe", address!("4c9EDD5852cd905f086C759E8383e09bff1E68B3"), 18, DOLLAR),
    (1, "3Crv", address!("6c3F90f043a72FA612cbac8115EE7e52BDe6E490"), 18, DOLLAR),
    (1, "WBTC", address!("2260FAC5E5542a773Aa44fBCfeDf7C193bc2C599"), 8, 30_000 * DOLLAR),
    (1, "renBTC", address!("EB4C2781e4ebA804CE9a9803C67d0893436bB27D"), 8, 30_000 * DOLLAR),
    (1, "imBTC", address!("3212b29E33587A00FB1C83346f5dBFA69A458923"), 8, 30_000 * DOLLAR),
    (1, "HBTC", address!("0316EB71485b0Ab14103307bf65a021042c6d380"), 18, 30_000 * DOLLAR),
    (1, "tBTC", address!("18084fbA666a33d37592fA2633fD49a74DD93a88"), 18, 30_000 * DOLLAR),
    (1, "stETH", address!("ae7ab96520DE3A18E5e111B5EaAb095312D7fE84"), 18, 1_900 * DOLLAR),
    (1, "wstETH", address!("7f39C581F595B53c5cb19bD0b3f8dA6c935E2Ca0"), 18, 2_150 * DOLLAR),
    (1, "rETH", address!("ae78736Cd615f374D3085123A210448E74Fc6393"), 18, 2_050 * DOLLAR),
    (1, "cbETH", address!("Be9895146f7AF43049ca1c1AE358B0541Ea49704"), 18, 1_980 * DOLLAR),
    (1, "weETH", address!("Cd5fE23C85820F7B72D0926FC9b05b43E359b7ee"), 18, 1_900 * DOLLAR),
    (1, "sETH", address!("5e74C9036fb86BD7eCdcb084a0673EFc32eA31cb"), 18, 1_900 * DOLLAR),
    (1, "LINK", address!("514910771AF9Ca656af840dff83E8264EcF986CA"), 18, 6 * DOLLAR),
    (1, "UNI", address!("1f9840a85d5aF5bf1D1762F925BDADdC4201F984"), 18, 5 * DOLLAR),
    (1, "AAVE", address!("7Fc66500c84A76Ad7e9c93437bFc5Ac33E2DDaE9"), 18, 70 * DOLLAR),
    (1, "MKR", address!("9f8F72aA9304c8B593d555F12eF6589cC3A579A2"), 18, 850 * DOLLAR),
    (1, "YFI", address!("0bc529c00C6401aEF6D220BE8C6Ea1667F6Ad93e"), 18, 7_000 * DOLLAR),
    (1, "COMP", address!("c00e94Cb662C3520282E6f5717214004A7f26888"), 18, 55 * DOLLAR),
    (1, "CRV", address!("D533a949740bb3306d119CC777fa900bA034cd52"), 18, 750_000),
    (1, "CVX", address!("4e3FBD56CD56c3e72c1403e103b45Db9da5B9D2B"), 18, 4 * DOLLAR),
    (1, "SUSHI", address!("6B3595068778DD592e39A122f4f5a5cF09C90fE2"), 18, 700_000),
    (1, "SNX", address!("C011a73ee8576Fb46F5E1c5751cA3B9Fe0af2a6F"), 18, 2 * DOLLAR),
    (1, "BAL", address!("ba100000625a3754423978a60c9317c58a424e3D"), 18, 5 * DOLLAR),
    (1, "LDO", address!("5A98FcBEA516Cf06857215779Fd812CA3beF1B32"), 18, 2 * DOLLAR),
    (1, "ENS", address!("C18360217D8F7Ab5e7c516566761Ea12Ce7F9D72"), 18, 9 * DOLLAR),
    (1, "MATIC", address!("7D1AfA7B718fb893dB30A3aBc0Cfc608AaCfeBB0"), 18, 650_000),
    (1, "APE", address!("4d224452801ACEd8B2F0aebE155379bb5D594381"), 18, 2 * DOLLAR),
    (1, "1INCH", address!("111111111117dC0aa78b770fA6A738034120C302"), 18, 300_000),
    (1, "sDAI", address!("83F20F44975D03b1b09e64809B757c47f942BEeA"), 18, 1_020_000),
    (1, "FDUSD", address!("c5f0f7b66764F6ec8C8Dff7BA683102295E16409"), 18, DOLLAR),
    (1, "USDS", address!("dC035D45d973E3EC169d2276DDab16f1e407384F"), 18, DOLLAR),
    (1, "sUSDe", address!("9D39A5DE30e57443BfF2A8307A4256c8797A3497"), 18, DOLLAR),
    (1, "MIM", address!("99D8a9C45b2ecA8864373A26D1459e3Dff1e17F3"), 18, DOLLAR),
    (1, "alUSD", address!("BC6DA0FE9aD5f3b0d58160288917AA56653660E9"), 18, DOLLAR),
    (1, "cbBTC", address!("cbB7C0000aB88B473b1f5aFd9ef808440eed33Bf"), 8, 30_000 * DOLLAR),
    (1, "ezETH", address!("bf5495Efe5DB9ce00f80364C8B423567e58d2110"), 18, 1_900 * DOLLAR),
    (1, "rsETH", address!("A1290d69c65A6Fe4DF752f95823fae25cB99e5A7"), 18, 1_900 * DOLLAR),
    (1, "frxETH", address!("5E8422345238F34275888049021821E8E08CAa1f"), 18, 1_900 * DOLLAR),
    (1, "sfrxETH", address!("ac3E018457B222d93114458476f3E3416Abbe38F"), 18, 1_980 * DOLLAR),
    (1, "GNO", address!("6810e776880C02933D47DB1b9fc05908e5386b96"), 18, 110 * DOLLAR),
    (1, "OHM", address!("64aa3364F17a4D01c6f1751Fd97C2BD3D7e7f1D5"), 9, 10 * DOLLAR),
    (1, "FTM", address!("4E15361FD6b4BB609Fa63C81A2be19d873717870"), 18, 300_000),
    (1, "GRT", address!("c944E90C64B2c07662A292be6244BDf05Cda44a7"), 18, 110_000),
    (56, "USDT", address!("55d398326f99059fF775485246999027B3197955"), 18, DOLLAR),
    (56, "BUSD", address!("e9e7CEA3DedcA5984780Bafc599bD69ADd087D56"), 18, DOLLAR),
    (56, "USDC", address!("8AC76a51cc950d9822D68b83fE1Ad97B32Cd580d"), 18, DOLLAR),
    (56, "DAI", address!("1AF3F329e8BE154074D8769D1FFa4eE058B1DBc3"), 18, DOLLAR),
    (56, "VAI", address!("4BD17003473389A42DAF6a0a729f6Fdb328BbBd7"), 18, 950_000),
    (56, "BTCB", address!("7130d2A12B9BCbFAe4f2634d864A1Ee1Ce3Ead9c"), 18, 30_000 * DOLLAR),
    (56, "ETH", address!("2170Ed0880ac9A755fd29B2688956BD959F933F8"), 18, 1_900 * DOLLAR),
    (56, "CAKE", address!("0E09FaBB73Bd3Ade0a17ECC321fD13a19e81cE82"), 18, 1_500_000),
    (56, "FDUSD", address!("c5f0f7b66764F6ec8C8Dff7BA683102295E16409"), 18, DOLLAR),
    (56, "TUSD", address!("40af3827F39D0EAcBF4A168f8D4ee67c121D11c9"), 18, DOLLAR),
    (56, "LINK", address!("F8A0BF9cF54Bb92F17374d9e9A321E6a111a51bD"), 18, 6 * DOLLAR),
    (56, "UNI", address!("Bf5140A22578168FD562DCcF235E5D43A02ce9B1"), 18, 5 * DOLLAR),
    (56, "LTC", address!("4338665CBB7B2485A8855A139b75D5e34AB0DB94"), 18, 100 * DOLLAR),
    (56, "DOGE", address!("bA2aE424d960c26247Dd6c32edC70B295c744C43"), 8, 65_000),
    (56, "ADA", address!("3EE2200Efb3400fAbB9AacF31297cBdD1d435D47"), 18, 280_000),
    (56, "XRP", address!("1D2F0da169ceB9fC7B3144628dB156f3F6c60dBE"), 18, 470_000),
    (56, "DOT", address!("7083609fCE4d1d8Dc0C979AAb8c869Ea2C873402"), 18, 5 * DOLLAR),
    (10, "USDC.e", address!("7F5c764cBc14f9669B88837ca1490cCa17c31607"), 6, DOLLAR),
    (10, "USDC", address!("0b2C639c533813f4Aa9D7837CAf62653d097Ff85"), 6, DOLLAR),
    (10, "USDT", address!("94b008aA00579c1307B0EF2c499aD98a8ce58e58"), 6, DOLLAR),
    (10, "DAI", address!("DA10009cBd5D07dd0CeCc66161FC93D7c9000da1"), 18, DOLLAR),
    (10, "WBTC", address!("68f180fcCe6836688e9084f035309E29Bf0A2095"), 8, 30_000 * DOLLAR),
    (137, "USDC.e", address!("2791Bca1f2de4661ED88A30C99A7a9449Aa84174"), 6, DOLLAR),
    (137, "USDC", address!("3c499c542cEF5E3811e1192ce70d8cC03d5c3359"), 6, DOLLAR),
    (137, "USDT", address!("c2132D05D31c914a87C6611C10748AEb04B58e8F"), 6, DOLLAR),
    (137, "DAI", address!("8f3Cf7ad23Cd3CaDbD9735AFf958023239c6A063"), 18, DOLLAR),
    (137, "WETH", address!("7ceB23fD6bC0adD59E62ac25578270cFf1b9f619"), 18, 1_900 * DOLLAR),
    (137, "WBTC", address!("1BFD67037B42Cf73acF2047067bd4F2C47D9BfD6"), 8, 30_000 * DOLLAR),
    (8_453, "USDC", address!("833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"), 6, DOLLAR),
    (8_453, "USDbC", address!("d9aAEc86B65D86f6A7B5B1b0c42FFA531710b6CA"), 6, DOLLAR),
    (8_453, "cbBTC", address!("cbB7C0000aB88B473b1f5aFd9ef808440eed33Bf"), 8, 30_000 * DOLLAR),
    (42_161, "USDC.e", address!("FF970A61A04b1cA14834A43f5dE4533eBDDB5CC8"), 6, DOLLAR),
    (42_161, "USDC", address!("af88d065e77c8cC2239327C5EDb3A432268e5831"), 6, DOLLAR),
    (42_161, "USDT", address!("Fd086bC7CD5C481DCC9C85ebE478A1C0b69FCbb9"), 6, DOLLAR),
    (42_161, "DAI", address!("DA10009cBd5D07dd0CeCc66161FC93D7c9000da1"), 18, DOLLAR),
    (42_161, "WBTC", address!("2f2a2543B76A4166549F7aaB2e75Bef0aefC5B0f"), 8, 30_000 * DOLLAR),
    (42_161, "ARB", address!("912CE59144191C1204E64559FE8253a0e49E6548"), 18, 1_150_000),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The source spells every address with its check sum, so a wrong digit cannot hide.
    #[test]
    fn addresses_carry_their_check_sums() {
        let source = include_str!("prices.rs");
        let mut checked = 0;
        let mut wrong = Vec::new();
        for text in source.split("address!(\"").skip(1).filter_map(|rest| rest.split_once('"')).map(|(text, _)| text) {
            if text.len() == 40 {
                checked += 1;
                if Address::parse_checksummed(format!("0x{text}"), None).is_err() {
                    wrong.push(text);
                }
            }
        }
        assert_eq!(wrong, Vec::<&str>::new());
        assert_eq!(checked, TOKENS.len() + 7);
    }

    #[test]
    fn each_asset_once() {
        assert_eq!(BY_TOKEN.len(), TOKENS.len() + 2 * COINS.len());
    }

    #[test]
    fn amounts_read_well() {
        let usdc = TOKENS.first().map(|row| row.2);
        assert_eq!(display(ChainId::evm(1), usdc, U256::from(1_250_500_000_u64)), "1,250 USDC");
        assert_eq!(display(ChainId::evm(1), None, U256::from(1_500_000_000_000_000_000_u64)), "1.5 ETH");
        assert_eq!(value(ChainId::evm(1), usdc, U256::from(2_000_000)), Some(Usd::from_dollars(2)));
    }
}
