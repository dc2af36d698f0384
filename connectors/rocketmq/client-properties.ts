import { MillraceError } from '../../platform/errors.ts';
import { limits } from '../../platform/limits.ts';

/** The rules of the protocol (reference rocketmq-v2, 1.3). Throws INVALID_CLIENT_PROPERTIES. */
export function checkClientProperties(properties: Readonly<Record<string, string>> = {}): void {
  const entries = Object.entries(properties);
  const { clientPropertiesMax, clientPropertyValueMax, clientPropertiesBytesMax } = limits;
  if (entries.length > clientPropertiesMax) {
    throw invalid(`a client has ${clientPropertiesMax} properties at most, not ${entries.length}`);
  }
  let bytes = 0;
  for (const [name, value] of entries) {
    if (name.length > limits.clientPropertyNameMax || !/^[a-zA-Z][a-zA-Z0-9_.-]*$/.test(name)) {
      throw invalid(`"${name}" is not a name for one`);
    }
    if (name.startsWith('rocketmq.')) throw invalid(`"${name}" is a name of the system`);
    if (value.length > clientPropertyValueMax) {
      throw invalid(`"${name}" has more than ${clientPropertyValueMax} characters`);
    }
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value);
  }
  if (bytes <= clientPropertiesBytesMax) return;
  throw invalid(`they have ${clientPropertiesBytesMax} bytes at most, not ${bytes}`);
}

function invalid(reason: string): MillraceError {
  return new MillraceError('INVALID_CLIENT_PROPERTIES', `client properties: ${reason}`);
}
