export function sourcesHash(given: {
  readonly root: string
  readonly folders: readonly string[]
  readonly files: readonly string[]
}): string
