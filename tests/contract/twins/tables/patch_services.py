"""patch of Services and Ingresses."""
# ruff: noqa: E501 - a command is one line

from typing import Final

from tests.contract.twins.rows import Outcome, Row, rows

ROWS: Final[tuple[Row, ...]] = (
    *rows(
        Outcome.CHANGES,
        "web",
        """kubectl patch service web -p '{"spec":{"sessionAffinity":"ClientIP"}}'""",
        """kubectl patch svc web -p '{"spec":{"ports":[{"port":80,"targetPort":8080}]}}'""",
        """kubectl patch svc web -p '{"spec":{"ports":[{"port":8443,"name":"extra","targetPort":8444}]}}'""",
        """kubectl patch svc web -p '{"spec":{"ports":[{"port":443,"$patch":"delete"}]}}'""",
        """kubectl patch svc web -p '{"spec":{"selector":{"version":"v2"}}}'""",
        """kubectl patch svc web --type=merge -p '{"spec":{"selector":null}}'""",
        """kubectl patch svc web --type=merge -p '{"spec":{"ports":[{"name":"http","port":80,"targetPort":8080},{"name":"https","port":443,"targetPort":8443},{"name":"metrics","port":9102,"targetPort":"metrics"}]}}'""",
        """kubectl patch svc web --type=json -p '[{"op":"replace","path":"/spec/ports/1/targetPort","value":9443}]'""",
        """kubectl patch svc web --type=json -p '[{"op":"remove","path":"/spec/ports/2"},{"op":"add","path":"/spec/ports/-","value":{"name":"grpc","port":9000}}]'""",
        """kubectl patch svc web -p '{"spec":{"externalIPs":["192.0.2.10"]}}'""",
        """kubectl patch svc web -p '{"spec":{"type":"NodePort"}}'""",
        """kubectl patch svc web --type=merge -p '{"spec":{"type":"NodePort"}}'""",
        """kubectl patch svc web --type=json -p '[{"op":"replace","path":"/spec/type","value":"NodePort"}]'""",
        """kubectl patch svc web -p '{"spec":{"type":"NodePort","ports":[{"port":80,"nodePort":FREEPORT}]}}'""",
        """kubectl patch svc web -p '{"spec":{"type":"LoadBalancer"}}'""",
        """kubectl patch svc web -p '{"spec":{"type":"LoadBalancer","externalTrafficPolicy":"Local","loadBalancerSourceRanges":["192.0.2.0/24"]}}'""",
        """kubectl patch svc web -p '{"metadata":{"annotations":{"service.example.com/internal":"true"}},"spec":{"publishNotReadyAddresses":true}}'""",
    ),
    *rows(
        Outcome.CHANGES,
        "edge",
        """kubectl patch svc edge -p '{"spec":{"externalTrafficPolicy":"Local"}}'""",
        """kubectl patch svc edge -p '{"spec":{"ports":[{"port":80,"nodePort":FREEPORT}]}}'""",
        """kubectl patch svc edge --type=json -p '[{"op":"replace","path":"/spec/ports/0/targetPort","value":9090}]'""",
        """kubectl patch svc edge -p '{"spec":{"type":"LoadBalancer"}}'""",
        """kubectl patch svc edge -p '{"spec":{"ports":[{"port":8080,"name":"alt"}]}}'""",
        """kubectl patch svc edge -p '{"spec":{"type":"ClusterIP"}}'""",
    ),
    *rows(
        Outcome.CHANGES,
        "dns",
        """kubectl patch svc dns --type=json -p '[{"op":"replace","path":"/spec/ports/1/targetPort","value":5353}]'""",
        """kubectl patch svc dns -p '{"spec":{"ports":[{"port":9153,"name":"metrics"}]}}'""",
    ),
    *rows(
        Outcome.CHANGES,
        "peers",
        """kubectl patch svc peers --type=merge -p '{"spec":{"publishNotReadyAddresses":false}}'""",
        """kubectl patch svc peers -p '{"spec":{"ports":[{"name":"metrics","port":9187}]}}'""",
    ),
    *rows(
        Outcome.NOTHING,
        "web",
        """kubectl patch svc web -p '{"spec":{"ports":[{"port":80,"targetPort":"http"}]}}'""",
        """kubectl patch svc web -p '{"spec":{"type":"ClusterIP","sessionAffinity":"None"}}'""",
    ),
    *rows(
        Outcome.REFUSED,
        "web edge",
        """kubectl patch svc web -p '{"spec":{"clusterIP":"10.0.0.250"}}'""",
        """kubectl patch svc web -p '{"spec":{"type":"Sideways"}}'""",
        """kubectl patch svc web -p '{"spec":{"ports":[{"port":99999}]}}'""",
        """kubectl patch svc web -p '{"spec":{"ports":[{"port":81}]}}'""",
        """kubectl patch svc web -p '{"spec":{"externalTrafficPolicy":"Local"}}'""",
        """kubectl patch svc edge -p '{"spec":{"ports":[{"port":80,"nodePort":80}]}}'""",
        """kubectl patch svc web --type=merge -p '{"spec":{"ports":[]}}'""",
        """kubectl patch svc no-such -p '{"spec":{"type":"NodePort"}}'""",
    ),
    *rows(
        Outcome.CHANGES,
        "shop-ingress",
        """kubectl patch ingress shop-ingress --type=json -p '[{"op":"replace","path":"/spec/rules/0/http/paths/0/backend/service/port","value":{"number":8080}}]'""",
        """kubectl patch ing shop-ingress --type=json -p '[{"op":"remove","path":"/spec/rules/1"}]'""",
        """kubectl patch ing shop-ingress --type=merge -p '{"spec":{"tls":null}}'""",
        """kubectl patch ingresses.networking.k8s.io/shop-ingress -p '{"spec":{"ingressClassName":"internal"}}'""",
        """kubectl patch ing shop-ingress -p '{"metadata":{"annotations":{"nginx.ingress.kubernetes.io/proxy-body-size":"32m"}}}'""",
        """kubectl patch ing shop-ingress --type=json -p '[{"op":"add","path":"/spec/rules/0/http/paths/-","value":{"path":"/api","pathType":"Prefix","backend":{"service":{"name":"web","port":{"name":"http"}}}}}]'""",
    ),
    *rows(
        Outcome.REFUSED,
        "shop-ingress",
        """kubectl patch ing shop-ingress --type=json -p '[{"op":"replace","path":"/spec/rules/0/http/paths/0/pathType","value":"Sometimes"}]'""",
    ),
)
