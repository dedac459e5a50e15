"""Settings of the console: flat, and the only place that reads the environment.

README lists the variables. A value that cannot be used ends the process with one sentence.
"""

import os
from pathlib import Path
from urllib.parse import quote

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from astra_console import __version__
from astra_console.data_folder import bus_socket, kept_secret
from astra_console.environment import Environment

env = Environment(os.environ)

# --- where it runs --------------------------------------------------------------------------------
BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = __version__
ENVIRONMENT = env.choice("ENVIRONMENT", "development", ["development", "staging", "production"])
DEVELOPMENT = ENVIRONMENT == "development"
IS_KEPT_ELSEWHERE = bool(env.text("SECRET_KEY") and env.text("DATABASE_URL"))
DATA_DIR = env.folder("DATA_DIR", "var", base=BASE_DIR, written=not IS_KEPT_ELSEWHERE)
HOST = env.text("HOST", "127.0.0.1")
PORT = env.integer("PORT", 8000, least=1, most=65535)
HTTPS = env.flag("HTTPS", default=ENVIRONMENT == "production")
DEBUG = False

ORIGINS = env.origins("ORIGINS")
if DEVELOPMENT:
    ORIGINS += [f"http://localhost:{PORT}", f"http://127.0.0.1:{PORT}"]
ALLOWED_HOSTS = env.listed("ALLOWED_HOSTS")
if DEVELOPMENT:
    ALLOWED_HOSTS += ["localhost", "127.0.0.1", "[::1]"]
elif not ALLOWED_HOSTS:
    raise ImproperlyConfigured(
        f"ALLOWED_HOSTS must name the console's hosts when ENVIRONMENT is {ENVIRONMENT}."
    )

SECRET_KEY = env.text("SECRET_KEY")
if not SECRET_KEY and ENVIRONMENT == "production":
    raise ImproperlyConfigured("SECRET_KEY must be set when ENVIRONMENT is production.")
SECRET_KEY = SECRET_KEY or kept_secret(DATA_DIR / "secret-key", characters=64)

# --- what `manage.py up` needs to know ------------------------------------------------------------
SIMULATE = env.number("SIMULATE", 2.0, least=0, most=10_000)
ADMIN_PASSWORD = env.text("ADMIN_PASSWORD")
REDIS_URL_IS_GIVEN = bool(env.text("REDIS_URL"))
UP_DEFAULTS = {
    # A few synthetic events fail, so that the pages about failures have something true to show.
    "ASTRA_FAULTS": "reject:0.0003,retry:0.003",
    "ASTRA_RETENTION_DAYS": "3",
}
UP_DEFAULTS = {name: value for name, value in UP_DEFAULTS.items() if not env.is_given(name)}
"""Variables that `up` gives its children where the environment leaves them open."""

# --- the bus --------------------------------------------------------------------------------------
REDIS_SCHEMES = ["redis", "rediss", "unix"]
BUS_SOCKET = bus_socket(DATA_DIR)
REDIS_URL = env.address("REDIS_URL", f"unix://{quote(str(BUS_SOCKET))}", REDIS_SCHEMES)
REDIS_CACHE_URL = env.address("REDIS_CACHE_URL", REDIS_URL, REDIS_SCHEMES)

ASTRA: dict[str, object] = {
    "transport": env.choice("ASTRA_TRANSPORT", "redis", ["redis", "memory"]),
    "redis_url": REDIS_URL,
    "version": VERSION,
    "lease_s": env.number("ASTRA_LEASE_S", 30.0, least=1, most=3600),
    "reconcile_after_s": env.number("ASTRA_RECONCILE_AFTER_S", 60.0, least=1, most=86_400),
    "faults": env.faults("ASTRA_FAULTS"),
    "crash": env.crash("ASTRA_CRASH"),
    "backlog_cap": env.integer("ASTRA_BACKLOG_CAP", 2_500_000, least=0, most=10**12),
    "relay_replicas": env.integer("ASTRA_RELAY_REPLICAS", 0, least=0, most=100),
    "retention_days": env.integer("ASTRA_RETENTION_DAYS", 30, least=0, most=36_500),
    "read_only": env.flag("ASTRA_READ_ONLY", default=False),
    "webhook_url": env.text("NOTIFICATION_WEBHOOK_URL"),
}

if ASTRA["crash"] and ENVIRONMENT == "production":
    raise ImproperlyConfigured(
        "ASTRA_CRASH ends processes on purpose: it must not be set when ENVIRONMENT is production."
    )

if ASTRA["transport"] == "memory":
    CHANNEL_LAYERS: dict[str, dict[str, object]] = {
        "default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    }
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
else:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            "CONFIG": {
                # It waits 5 s for a message at a time, and redis-py gives up after 5 s by default:
                # an idle socket would be cut again and again.
                "hosts": [{"address": REDIS_CACHE_URL, "socket_timeout": 15}],
                "prefix": "astra.console",
            },
        }
    }
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_CACHE_URL,
            "KEY_PREFIX": "astra.cache",
        }
    }

# --- SQL ------------------------------------------------------------------------------------------
DATABASE_URL = env.address(
    "DATABASE_URL",
    f"sqlite:///{quote(str(DATA_DIR / 'astra.sqlite3'))}",
    ["sqlite", "postgres", "postgresql"],
)
database = dict(dj_database_url.parse(DATABASE_URL))
if database["ENGINE"] == "django.db.backends.sqlite3":
    database["OPTIONS"] = {
        # A transaction that begins by reading and then writes cannot wait for the write lock: it
        # fails at once. Taking the lock at BEGIN makes it wait its turn.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # NORMAL survives the death of any process, not of the machine's power; FULL is 100 times
        # slower at one commit per event.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    # On disk, so that tests with several threads see what production sees.
    database["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
else:
    database["OPTIONS"] = {
        "pool": {"min_size": 1, "max_size": env.integer("DATABASE_POOL", 20, least=1, most=500)}
    }
    database["CONN_HEALTH_CHECKS"] = True
DATABASES = {"default": database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- applications ---------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "django_htmx",
    "csp",
    "events",
    "events.domains.trading",
    "events.domains.gamification",
    "events.domains.social",
    "events.domains.financial",
    "events.domains.nft",
    "events.domains.user",
    "events.domains.risk",
    "events.domains.challenge",
    "events.domains.auth",
    "events.domains.evaluation",
    "events.domains.market",
    "events.domains.system",
    "events.domains.analytics",
    *env.apps("APPS"),
    "monitoring",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "astra_console.headers.SecurityHeaders",
    "astra_console.probes.HealthFirst",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "astra_console.sessions.SessionLimits",
    "monitoring.access.SignInAndRole",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "monitoring.shell.shell",
            ],
        },
    }
]
ROOT_URLCONF = "astra_console.urls"
ASGI_APPLICATION = "astra_console.asgi.application"

STATIC_URL = "static/"
STATIC_ROOT = env.folder("STATIC_ROOT", str(DATA_DIR / "static"), base=BASE_DIR)
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "astra_console.static_files.HashedWhenCollected"},
}

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"
USE_I18N = False

# --- signing in and the browser -------------------------------------------------------------------
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = LOGIN_URL
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
SESSION_COOKIE_AGE = 30 * 60
"""Idle time after which a session ends, in seconds."""
SESSION_ABSOLUTE_AGE_S = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
# Browsers refuse `__Host-` names without TLS, and `make up` speaks plain HTTP on this machine.
SESSION_COOKIE_NAME = "__Host-astra_session" if HTTPS else "astra_session"
CSRF_COOKIE_NAME = "__Host-astra_csrf" if HTTPS else "astra_csrf"
CSRF_TRUSTED_ORIGINS = ORIGINS

SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health(/live)?$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        # Modern browsers let 'self' cover websockets of the same host; older ones need the name.
        "connect-src": [SELF, *(origin.replace("http", "ws", 1) for origin in ORIGINS)],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

# --- logging --------------------------------------------------------------------------------------
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "astra_console.logs.JsonLines"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # Their own handlers would write plain text, or the same record twice.
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.server": {"handlers": [], "level": "INFO", "propagate": True},
        "uvicorn": {"handlers": [], "level": "INFO", "propagate": True},
        # A line for every file that changed; the supervisor says it in its own words.
        "watchfiles": {"handlers": [], "level": "WARNING", "propagate": True},
        # A line per request would hold what people search for.
        "uvicorn.access": {"handlers": [], "level": "WARNING", "propagate": True},
    },
}
