/**
 * The interface by which validation libraries (zod, valibot, arktype and others) are used without depending on one:
 * Standard Schema v1, https://standardschema.dev (MIT), whose types these are; the part that plans use.
 */

export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    /** For the compiler only. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** What rows are that a schema let pass. */
export type OutputOf<S extends StandardSchema> = NonNullable<S['~standard']['types']>['output']
