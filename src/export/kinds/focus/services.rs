//! What a service may be, as the specification lists it.

/// The categories that `ServiceCategory` may have.
pub const SERVICE_CATEGORIES: &[&str] = &[
    "AI and Machine Learning",
    "Analytics",
    "Business Applications",
    "Compute",
    "Databases",
    "Developer Tools",
    "Multicloud",
    "Identity",
    "Integration",
    "Internet of Things",
    "Management and Governance",
    "Media",
    "Migration",
    "Mobile",
    "Networking",
    "Security",
    "Storage",
    "Web",
    "Other",
];

/// What stands for a category's own rest: FOCUS writes `Other (Compute)`.
pub(super) const OTHER: &str = "Other";

/// What each category is divided into.
const SUBCATEGORIES: &[(&str, &[&str])] = &[
    (
        "AI and Machine Learning",
        &[
            "Other",
            "AI Platforms",
            "Bots",
            "Generative AI",
            "Machine Learning",
            "Natural Language Processing",
        ],
    ),
    (
        "Analytics",
        &[
            "Other",
            "Analytics Platforms",
            "Business Intelligence",
            "Data Processing",
            "Search",
            "Streaming Analytics",
        ],
    ),
    ("Business Applications", &["Other", "Productivity and Collaboration"]),
    (
        "Compute",
        &[
            "Other",
            "Containers",
            "End User Computing",
            "Quantum Compute",
            "Serverless Compute",
            "Virtual Machines",
        ],
    ),
    (
        "Databases",
        &[
            "Other",
            "Caching",
            "Data Warehouses",
            "Ledger Databases",
            "NoSQL Databases",
            "Relational Databases",
            "Time Series Databases",
        ],
    ),
    (
        "Developer Tools",
        &[
            "Other",
            "Developer Platforms",
            "Continuous Integration and Deployment",
            "Development Environments",
            "Source Code Management",
            "Quality Assurance",
        ],
    ),
    ("Multicloud", &["Other", "Multicloud Integration"]),
    ("Identity", &["Other", "Identity and Access Management"]),
    ("Integration", &["Other", "API Management", "Messaging", "Workflow Orchestration"]),
    ("Internet of Things", &["Other", "IoT Analytics", "IoT Platforms"]),
    (
        "Management and Governance",
        &[
            "Other",
            "Architecture",
            "Compliance",
            "Cost Management",
            "Data Governance",
            "Disaster Recovery",
            "Endpoint Management",
            "Observability",
            "Support",
        ],
    ),
    ("Media", &["Other", "Content Creation", "Gaming", "Media Streaming", "Mixed Reality"]),
    ("Migration", &["Other", "Data Migration", "Resource Migration"]),
    ("Mobile", &["Other"]),
    (
        "Networking",
        &[
            "Other",
            "Application Networking",
            "Content Delivery",
            "Network Connectivity",
            "Network Infrastructure",
            "Network Routing",
            "Network Security",
        ],
    ),
    (
        "Security",
        &["Other", "Secret Management", "Security Posture Management", "Threat Detection and Response"],
    ),
    (
        "Storage",
        &["Other", "Backup Storage", "Block Storage", "File Storage", "Object Storage", "Storage Platforms"],
    ),
    ("Web", &["Other", "Application Platforms"]),
    ("Other", &["Other"]),
];

/// What a category is divided into, for `ServiceSubcategory`; `Other` stands for what is nothing else of it. Empty: there is no such category.
#[must_use]
pub fn service_subcategories(category: &str) -> &'static [&'static str] {
    let found = SUBCATEGORIES.iter().find(|(name, _)| *name == category);
    found.map_or(&[], |(_, subcategories)| subcategories)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_category_is_divided_and_no_two_have_a_part_in_common() {
        let divided: Vec<_> = SUBCATEGORIES.iter().map(|(category, _)| *category).collect();
        assert_eq!(divided, SERVICE_CATEGORIES);
        let mut parts: Vec<_> = SUBCATEGORIES.iter().flat_map(|(_, parts)| &parts[1..]).collect();
        assert!(SUBCATEGORIES.iter().all(|(_, parts)| parts[0] == OTHER));
        parts.sort();
        assert!(parts.windows(2).all(|two| two[0] != two[1]) && !parts.contains(&&OTHER));
    }
}
