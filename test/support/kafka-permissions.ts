/**
 * A broker that checks permissions, and the right to read taken away: for tests of what a client does that may not do its
 * work any more. Everybody may do everything that nothing was said about.
 */
import kafkajs, { type Kafka } from 'kafkajs';

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;

/** Settings for `startBroker`. */
export const permissions = {
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'allow.everyone.if.no.acl.found': 'true',
} as const;

/** Nobody may read `topic` from now on. */
export async function denyReading(client: Kafka, topic: string): Promise<void> {
  const admin = client.admin();
  await admin.connect();
  try {
    await admin.createAcls({
      acl: [
        {
          resourceType: AclResourceTypes.TOPIC,
          resourceName: topic,
          resourcePatternType: ResourcePatternTypes.LITERAL,
          principal: 'User:*',
          host: '*',
          operation: AclOperationTypes.READ,
          permissionType: AclPermissionTypes.DENY,
        },
      ],
    });
  } finally {
    await admin.disconnect();
  }
}
