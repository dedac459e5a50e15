"""What social keeps: profiles and what users did, the feed, and the scores of clan battles."""

from __future__ import annotations

from django.db import models


class SocialProfile(models.Model):
    """A user as others see them; one who only ever was heard of has no name yet."""

    user_id = models.BigIntegerField(primary_key=True)
    display_name = models.CharField(max_length=200, default="", blank=True)
    influence = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(null=True)
    """When the user opened the profile."""

    def __str__(self) -> str:
        return f"user {self.user_id}: influence {self.influence}"


class Constellation(models.Model):
    """A circle of traders, founded here."""

    constellation_id = models.CharField(primary_key=True, max_length=100)
    founder_id = models.BigIntegerField(db_index=True)
    name = models.CharField(max_length=200)
    founded_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class ViralContent(models.Model):
    """Something shared outside, and how often at the last report."""

    content_id = models.CharField(primary_key=True, max_length=100)
    user_id = models.BigIntegerField(default=0, db_index=True)
    shares = models.BigIntegerField(default=0)
    platform = models.CharField(max_length=30, default="")

    def __str__(self) -> str:
        return f"{self.content_id}: {self.shares} shares on {self.platform}"


class Interaction(models.Model):
    """What a user did with something of another's; one row per event our own service said."""

    event_id = models.UUIDField(primary_key=True)
    user_id = models.BigIntegerField(db_index=True)
    kind = models.CharField(max_length=11)
    target_user_id = models.BigIntegerField(null=True)
    content_id = models.CharField(max_length=100, blank=True)
    happened_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"user {self.user_id}: {self.kind}"


class FeedEntry(models.Model):
    """An entry of the social feed."""

    class Kind(models.TextChoices):
        TRADE_SHARE = "trade_share"
        XP = "xp"
        CELEBRATION = "celebration"
        ACHIEVEMENT = "achievement"
        NFT = "nft"
        CLAN_LEAD = "clan_lead"

    entry_id = models.CharField(primary_key=True, max_length=100)
    user_id = models.BigIntegerField()
    kind = models.CharField(max_length=11, choices=Kind)
    text = models.CharField(max_length=500)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        indexes = [models.Index(fields=["user_id", "-created_at"], name="feed_of_user")]

    def __str__(self) -> str:
        return f"user {self.user_id}: {self.text}"


class Scoreboard(models.Model):
    """Who leads a clan battle. Its row is locked before any score of the battle changes."""

    battle_id = models.CharField(primary_key=True, max_length=100)
    leader = models.CharField(max_length=100, default="")
    """Clan in the lead; empty until a clan has scored."""
    leader_points = models.BigIntegerField(default=0)
    leads_since = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.battle_id}: {self.leader} with {self.leader_points}"


class ClanScore(models.Model):
    """Points of a clan in a battle."""

    pk = models.CompositePrimaryKey("battle_id", "clan_id")
    battle_id = models.CharField(max_length=100)
    clan_id = models.CharField(max_length=100)
    points = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.clan_id} in {self.battle_id}: {self.points}"
