/**
 * A protocol together with the schemas of what strangers may send it: its input, and the payload of each signal. Checked
 * where a request comes in, BEFORE anything is saved; the machine itself believes what it is told.
 */
import type { Protocol } from '@sagamore/engine';
import type { StandardSchemaV1 } from '@standard-schema/spec';

export interface ProtocolSchemas {
  /** Absent: nobody starts it but services of ours, whose own rows must go with it. */
  readonly input?: StandardSchemaV1;
  /** By the signal's name; a signal without a schema is taken as it is. */
  readonly signals?: Readonly<Record<string, StandardSchemaV1>>;
}

export interface DeclaredProtocol extends Protocol {
  readonly schemas: ProtocolSchemas;
}

/** Of a protocol that declares none: nothing is checked, and nobody outside may start it. */
export function schemasOf(protocol: Protocol): ProtocolSchemas {
  return 'schemas' in protocol ? (protocol as DeclaredProtocol).schemas : {};
}

export type Checked =
  | { readonly value: unknown; readonly issues?: undefined }
  | { readonly issues: readonly StandardSchemaV1.Issue[] };

/** The value as its schema reads it; without a schema as it is. */
export async function check(schema: StandardSchemaV1 | undefined, value: unknown): Promise<Checked> {
  if (schema === undefined) return { value };
  const checked = await schema['~standard'].validate(value);
  return checked.issues === undefined ? { value: checked.value } : { issues: checked.issues };
}
