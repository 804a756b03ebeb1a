/** How much traffic may be made up at once. */
export const defaultSeedDays = 30
export const seedMaxDays = 3_650
export const defaultSeedHitsPerDay = 2_000
export const seedMaxHitsPerDay = 10_000_000
