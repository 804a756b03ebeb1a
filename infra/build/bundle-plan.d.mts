export interface BundledPlan {
  /** The file: exports `pipeline`, `pipelineFormat`, `dataSets`. */
  readonly bundle: string
  /** Of the file, in hex. */
  readonly sha256: string
  /** Hash of the code that the pipeline's steps call. */
  readonly code: string
  /** Canonical JSON of the plan, its lambdas as they are in the file. */
  readonly text: string
  readonly format: number
  /** Versions of the data sets inside. */
  readonly dataSets: Readonly<Record<string, string>>
}

/** `entry`: a module below `root`, both as paths, `entry` with `/`. @throws Error where it cannot be made one file */
export declare function bundlePlan(options: { readonly entry: string; readonly root: string }): Promise<BundledPlan>
