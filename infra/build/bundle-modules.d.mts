export const processEntries: readonly string[]
export function bundleModules(options: {
  readonly root: string
  readonly dist: string
  readonly entries?: readonly string[]
}): Promise<void>
