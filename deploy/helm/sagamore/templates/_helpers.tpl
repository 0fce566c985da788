{{/* Called with a dict: root, name (of the service) and service (its values). */}}

{{- define "sagamore.name" -}}
{{- printf "%s-%s" .root.Release.Name .name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "sagamore.selector" -}}
app.kubernetes.io/name: sagamore
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end -}}

{{- define "sagamore.labels" -}}
{{ include "sagamore.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end -}}

{{- define "sagamore.image" -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}

{{/* The settings of a process. Secrets are named, never written. */}}
{{- define "sagamore.environment" -}}
{{- $values := .root.Values -}}
- { name: {{ printf "DATABASE_URL_%s" (upper .name) }}, valueFrom: { secretKeyRef: { name: {{ $values.database.secret }}, key: {{ .name }} } } }
- { name: DATABASE_SSL, value: {{ $values.database.ssl | quote }} }
- { name: KAFKA_BROKERS, value: {{ $values.kafka.brokers | quote }} }
- { name: KAFKA_REPLICATION_FACTOR, value: {{ $values.kafka.replicationFactor | quote }} }
- { name: KAFKA_SSL, value: {{ $values.kafka.ssl | quote }} }
{{- with $values.kafka.sasl.secret }}
- { name: KAFKA_SASL_MECHANISM, value: {{ $values.kafka.sasl.mechanism }} }
- { name: KAFKA_SASL_USERNAME, valueFrom: { secretKeyRef: { name: {{ . }}, key: username } } }
- { name: KAFKA_SASL_PASSWORD, valueFrom: { secretKeyRef: { name: {{ . }}, key: password } } }
{{- end }}
- { name: OPERATOR_TOKEN, valueFrom: { secretKeyRef: { name: {{ $values.operator.secret }}, key: token } } }
{{- with $values.tracing.endpoint }}
- { name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ . | quote }} }
{{- end }}
- { name: TRACE_PERCENT, value: {{ $values.tracing.percent | quote }} }
{{- range $setting, $value := merge (dict) (.service.settings | default dict) ($values.settings | default dict) }}
- { name: {{ $setting }}, value: {{ $value | quote }} }
{{- end }}
{{- end -}}

{{- define "sagamore.pod-security" -}}
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
  seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "sagamore.container-security" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end -}}
