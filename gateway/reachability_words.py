"""What the reachability page says, in the languages of an office."""

from dataclasses import dataclass

LANGUAGES = {"de": "Deutsch", "en": "English", "fr": "Français", "it": "Italiano"}


@dataclass(frozen=True)
class Words:
    """The page in one language."""

    title: str
    sentence: str
    hits: str
    last: str
    address: str
    never: str
    advice: str
    units: tuple[str, str, str, str]  # seconds, minutes, hours, days, each with {}

    def ago(self, seconds: float) -> str:
        """Return how long ago something was."""
        told, unit = max(0, int(seconds)), self.units[0]
        for size, larger in ((60, self.units[1]), (60, self.units[2]), (24, self.units[3])):
            if told < 2 * size:
                break
            told, unit = told // size, larger
        return unit.format(told)


WORDS = {
    "de": Words(
        title="Das Gateway ist erreichbar",
        sentence="Die Telefonanlage kann dieses Gateway über diese Adresse erreichen.",
        hits="HTTP-Zugriffe total",
        last="Letzte Meldung der Telefonanlage",
        address="Ihre Anfrage kam von",
        never="noch keine",
        advice="Laden Sie die Seite neu: Die Zahl der Zugriffe steigt. Steigt sie auch in der "
        "Anzeige des Servers, so sind Firewall und Weiterleitung richtig eingestellt.",
        units=("vor {} Sekunden", "vor {} Minuten", "vor {} Stunden", "vor {} Tagen"),
    ),
    "en": Words(
        title="The gateway can be reached",
        sentence="The telephone system can reach this gateway at this address.",
        hits="HTTP hits total",
        last="Last notification of the telephone system",
        address="Your request came from",
        never="none yet",
        advice="Reload the page: the number of hits rises. If it also rises in the server's own "
        "display, the firewall and the forwarding are set up correctly.",
        units=("{} seconds ago", "{} minutes ago", "{} hours ago", "{} days ago"),
    ),
    "fr": Words(
        title="La passerelle est accessible",
        sentence="Le central téléphonique peut atteindre cette passerelle à cette adresse.",
        hits="Total des accès HTTP",
        last="Dernier message du central téléphonique",
        address="Votre requête est venue de",
        never="aucun jusqu’à présent",
        advice="Rechargez la page : le nombre d’accès augmente. S’il augmente aussi dans "
        "l’affichage du serveur, le pare-feu et la redirection sont bien réglés.",
        units=("il y a {} secondes", "il y a {} minutes", "il y a {} heures", "il y a {} jours"),
    ),
    "it": Words(
        title="Il gateway è raggiungibile",
        sentence="Il centralino telefonico può raggiungere questo gateway a questo indirizzo.",
        hits="Totale accessi HTTP",
        last="Ultimo messaggio del centralino",
        address="La sua richiesta è arrivata da",
        never="ancora nessuno",
        advice="Ricarichi la pagina: il numero degli accessi aumenta. Se aumenta anche nella "
        "visualizzazione del server, firewall e inoltro sono configurati correttamente.",
        units=("{} secondi fa", "{} minuti fa", "{} ore fa", "{} giorni fa"),
    ),
}
