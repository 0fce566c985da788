#!/bin/bash
# What the real image's start script does for us: KAFKA_A_B=c becomes a.b=c, the storage is formatted once, the broker runs.
set -euo pipefail

env | sed -n 's/^KAFKA_//p' | while IFS='=' read -r name value; do
  case $name in HEAP_OPTS) continue ;; esac
  name=${name,,}
  printf '%s=%s\n' "${name//_/.}" "$value"
done >/opt/kafka/config/server.properties
cat >/opt/kafka/config/log4j2.properties <<'LOGGING'
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %c{1} %m%n
rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
LOGGING

java=(java "$KAFKA_HEAP_OPTS" -XX:+UseSerialGC -Dlog4j2.configurationFile=/opt/kafka/config/log4j2.properties
  -cp '/opt/kafka/libs/*')
"${java[@]}" kafka.tools.StorageTool format --ignore-formatted --cluster-id "$CLUSTER_ID" \
  --config /opt/kafka/config/server.properties
exec "${java[@]}" kafka.Kafka /opt/kafka/config/server.properties
