//! What kind of attack an incident was, by its public reviews. Only for tables: no detector knows any of it.

/// Attack class of an incident, by its public reviews.
const CLASSES: &[(&str, &[&str])] = &[
    (
        "re-entrance",
        &[
            "TheDAO",
            "SpankChain",
            "Uniswap",
            "Lendf.Me",
            "OUSD",
            "Akropolis",
            "CreamFinance",
            "XSURGE",
            "Visor",
            "Revest",
            "DFXFinance",
            "Opyn",
        ],
    ),
    (
        "price or share price",
        &[
            "Balancer",
            "Harvest",
            "CheeseBank",
            "WarpFinance",
            "ArrayFinance",
            "xWinFinance",
            "WaultFinance",
            "InverseFinance",
            "Ploutoz",
            "Fortress",
            "Indexed",
            "Spartan",
            "ApeRocket",
            "Pancakehunny",
            "Eminence",
            "RariCapital",
            "SaddleFinance",
            "ImpossibleFinance",
            "Nerve",
            "EvoDefi",
            "NimbusDAO",
            "Health",
            "Lever",
            "Pinecone",
            "VTFToken",
            "SpaceGodzilla",
            "ULMEToken",
        ],
    ),
    (
        "access",
        &[
            "Parity",
            "PunkProtocol",
            "DAOMaker",
            "PolyNetwork",
            "BentFinance",
            "SandboxLAND",
            "ChainSwap",
            "Templedao",
            "Ragnarok",
            "THORChain",
            "OlympusDAO",
        ],
    ),
    ("approvals", &["Bancor", "DeFiSaver", "Multichain", "Rubic", "Brahma", "Numbers"]),
    ("arithmetic", &["BeautyChain", "SmartMesh", "EDU&BAI", "Umbrella"]),
    (
        "logic",
        &[
            "Fomo3D",
            "PopsicleFinance",
            "ElevenFinance",
            "KaoyaSwap",
            "TeamFinance",
            "SheepFarm",
            "XCarnival",
            "SanshuInu",
            "Formation.Fi",
            "EvoDefi",
        ],
    ),
];

/// The class of an incident by its name.
pub(crate) fn class(name: &str) -> &'static str {
    CLASSES.iter().find(|(_, names)| names.contains(&name)).map_or("other", |(class, _)| class)
}
