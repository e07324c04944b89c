"""The config of an experiment: one YAML file for the whole recipe, read into frozen pydantic models.

`configs/<experiment>.yaml` holds only the values that differ from the defaults. The defaults are defined here and are
the published recipe (Bi et al., "A Multimodal Late Fusion Model for E-Commerce Product Classification", SIGIR eCom
2020). This package imports neither torch nor pandas, so an invalid config is reported at once.
"""

from latefusion.config.catalogue import CatalogueConfig, Columns, SampleConfig, Split
from latefusion.config.denoise import Denoise
from latefusion.config.experiment import Experiment
from latefusion.config.experts import (
    CnnExpert,
    DclExpert,
    EndToEndJointExpert,
    Expert,
    ExpertConfig,
    FrozenJointExpert,
    ImageExpert,
    ImageProbe,
    JointExpert,
    LateExpert,
    Probe,
    ScratchEncoder,
    TextCnnExpert,
    TextProbe,
    TfidfExpert,
    TransformerExpert,
)
from latefusion.config.fusion import (
    BoostingPolicy,
    ChoosingPolicy,
    ExpertsPolicy,
    Learner,
    LogisticPolicy,
    NetworkPolicy,
    OnDemandPolicy,
    Policy,
    PolicyConfig,
    RawSelectPolicy,
    RidgePolicy,
    RulePolicy,
    SelectPolicy,
    Vote,
)
from latefusion.config.images import ImageInput
from latefusion.config.loading import DEFAULT_CONFIG, load_experiment, load_new_table
from latefusion.config.training import (
    BackboneTraining,
    DclTraining,
    Hardware,
    HeadTraining,
    ImageTraining,
    TextCnnTraining,
    TextTraining,
    Training,
)

__all__ = [
    "DEFAULT_CONFIG",
    "BackboneTraining",
    "BoostingPolicy",
    "CatalogueConfig",
    "ChoosingPolicy",
    "CnnExpert",
    "Columns",
    "DclExpert",
    "DclTraining",
    "Denoise",
    "EndToEndJointExpert",
    "Experiment",
    "Expert",
    "ExpertConfig",
    "ExpertsPolicy",
    "FrozenJointExpert",
    "Hardware",
    "HeadTraining",
    "ImageExpert",
    "ImageInput",
    "ImageProbe",
    "ImageTraining",
    "JointExpert",
    "LateExpert",
    "Learner",
    "LogisticPolicy",
    "NetworkPolicy",
    "OnDemandPolicy",
    "Policy",
    "PolicyConfig",
    "Probe",
    "RawSelectPolicy",
    "RidgePolicy",
    "RulePolicy",
    "SampleConfig",
    "ScratchEncoder",
    "SelectPolicy",
    "Split",
    "TextCnnExpert",
    "TextCnnTraining",
    "TextProbe",
    "TextTraining",
    "TfidfExpert",
    "Training",
    "TransformerExpert",
    "Vote",
    "load_experiment",
    "load_new_table",
]
