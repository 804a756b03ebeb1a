/** Sizes as people write them in configuration: `65536`, `64 KB`, `256MB`, `10 GB`. 1 KB is 1,024 bytes, as everywhere here. */

const unitBytes = { B: 1, KB: 1_024, MB: 1_024 ** 2, GB: 1_024 ** 3, TB: 1_024 ** 4 } as const

/** Bytes, or undefined where the text is no size or exceeds what a number holds exactly. */
export function parseByteSize(text: string): number | undefined {
  const match = /^(\d{1,15}) ?(?:([KMGT])i?B|B)?$/i.exec(text.trim())
  if (match === null) return undefined
  const unit = match[2] === undefined ? 'B' : (`${match[2].toUpperCase()}B` as keyof typeof unitBytes)
  const bytes = Number(match[1]) * unitBytes[unit]
  return Number.isSafeInteger(bytes) ? bytes : undefined
}
