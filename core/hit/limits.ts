/** The limits of one hit, with the names the documentation uses. Lengths are in UTF-16 units. */
export const hitLimits = {
  idLength: 64,
  nameLength: 64,
  urlLength: 2_048,
  titleLength: 300,
  itemCount: 100,
  itemIdLength: 128,
  itemNameLength: 300,
  propCount: 64,
  propKeyLength: 64,
  propTextLength: 1_024,
  userAgentLength: 512,
  languageLength: 128,
  screenLength: 32,
  timeZoneLength: 64,
  campaignLength: 256,
  /** Objects and arrays inside each other, the hit itself being the first. */
  depth: 8,
  /** Of its Avro form. */
  bytes: 32 * 1_024,
} as const
